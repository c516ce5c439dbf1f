//! Reads a schema into its subschemas, and how they apply to one another's values.

use std::collections::{BTreeMap, HashMap};

use referencing::{Draft, Registry, Resolver, uri};
use serde_json::{Map, Value};

use crate::domain::json_values::values;

/// The base URI of a schema without `$id`.
const BASE: &str = "json-schema:///";

/// The subschemas that apply to the members of an object, or to the items of a list.
#[derive(Default)]
pub struct ChildSchemas<Key> {
    /// The subschema of each named child; `None` for a boolean, which applies nothing.
    pub named: BTreeMap<Key, Option<usize>>,
    /// The subschemas of the children that `named` does not have.
    pub others: Vec<usize>,
    /// The subschemas of every child.
    pub all: Vec<usize>,
}

/// A subschema that is an object.
#[derive(Default)]
pub struct SchemaNode {
    /// The cost of applying this subschema once: 1, and 1 for each value in `enum`, `const`, `required` or
    /// `dependentRequired`.
    pub work: u64,
    pub patterns: usize,
    /// The subschemas that apply to the same place, each as often as it does.
    pub here: Vec<usize>,
    pub members: ChildSchemas<String>,
    pub items: ChildSchemas<usize>,
}

/// Returns the subschemas that can be reached, the first of which is the root. A boolean schema has none.
pub fn read(schema: &Value) -> Result<Vec<SchemaNode>, String> {
    let unusable = |error: referencing::Error| error.to_string();
    let resource = Draft::Draft202012.create_resource_ref(schema);
    let base = uri::from_str(BASE).map_err(unusable)?;
    let base = uri::resolve_against(&base.borrow(), resource.id().unwrap_or_default()).map_err(unusable)?;
    let registry = Registry::new().draft(Draft::Draft202012).retrieve_known_draft_meta_schemas(false);
    let registry = registry.add(base.as_str(), resource).map_err(unusable)?.prepare().map_err(unusable)?;
    let mut reader = Reader::default();
    find_anchors(schema, &mut reader.dynamic);
    reader.number(schema, &registry.resolver(base));
    let mut nodes = vec![];
    // Subschemas are numbered in the order in which they are read.
    while let Some((subschema, resolver)) = reader.waiting.get(nodes.len()).cloned() {
        nodes.push(reader.node(subschema, &resolver)?);
    }
    Ok(nodes)
}

fn find_anchors<'r>(value: &'r Value, found: &mut HashMap<&'r str, Vec<&'r Value>>) {
    for (_, value) in values(value) {
        if let Some(name) = value.get("$dynamicAnchor").and_then(Value::as_str) {
            found.entry(name).or_default().push(value);
        }
    }
}

#[derive(Default)]
struct Reader<'r> {
    numbers: HashMap<usize, usize>,
    waiting: Vec<(&'r Value, Resolver<'r>)>,
    dynamic: HashMap<&'r str, Vec<&'r Value>>,
}

impl<'r> Reader<'r> {
    /// Returns the number of a subschema, identified by its address in memory; `None` for a boolean.
    fn number(&mut self, value: &'r Value, resolver: &Resolver<'r>) -> Option<usize> {
        let next = self.waiting.len();
        let number = *self.numbers.entry(std::ptr::from_ref(value.as_object()?).addr()).or_insert(next);
        if number == next {
            self.waiting.push((value, resolver.clone()));
        }
        Some(number)
    }

    fn numbers(&mut self, values: impl IntoIterator<Item = &'r Value>, resolver: &Resolver<'r>) -> Vec<usize> {
        values.into_iter().filter_map(|value| self.number(value, resolver)).collect()
    }

    fn node(&mut self, subschema: &'r Value, resolver: &Resolver<'r>) -> Result<SchemaNode, String> {
        let mut node = SchemaNode { work: 1, ..SchemaNode::default() };
        let resolver = resolver.in_subresource(Draft::Draft202012.create_resource_ref(subschema));
        let resolver = &resolver.map_err(|error| error.to_string())?;
        let mut looks_again = 1;
        for (keyword, value) in subschema.as_object().into_iter().flatten() {
            match keyword.as_str() {
                "$ref" | "$dynamicRef" => node.here.extend(self.referenced(keyword, value, resolver)?),
                "$recursiveRef" => return Err("`$recursiveRef` is not taken: use `$dynamicRef`".to_owned()),
                "allOf" | "anyOf" | "oneOf" => {
                    node.here.extend(self.numbers(value.as_array().into_iter().flatten(), resolver))
                }
                "not" | "if" | "then" | "else" => node.here.extend(self.number(value, resolver)),
                "dependentSchemas" | "dependencies" => {
                    node.here.extend(self.numbers(value.as_object().into_iter().flat_map(Map::values), resolver));
                }
                "properties" => {
                    let named = value.as_object().into_iter().flatten();
                    node.members.named =
                        named.map(|(name, value)| (name.clone(), self.number(value, resolver))).collect();
                }
                "additionalProperties" => node.members.others.extend(self.number(value, resolver)),
                "patternProperties" => {
                    let patterns = value.as_object().into_iter().flatten();
                    node.patterns += patterns.clone().count();
                    node.members.all.extend(self.numbers(patterns.map(|(_, value)| value), resolver));
                }
                "propertyNames" => node.members.all.extend(self.number(value, resolver)),
                "unevaluatedProperties" => {
                    looks_again = 2;
                    node.members.all.extend(self.number(value, resolver));
                }
                "prefixItems" => self.first_items(&mut node, value, resolver),
                // Earlier drafts wrote `prefixItems` as `items` with a list.
                "items" if value.is_array() => self.first_items(&mut node, value, resolver),
                "items" | "additionalItems" => node.items.others.extend(self.number(value, resolver)),
                "contains" => node.items.all.extend(self.number(value, resolver)),
                "unevaluatedItems" => {
                    looks_again = 2;
                    node.items.all.extend(self.number(value, resolver));
                }
                "pattern" => node.patterns += 1,
                "enum" | "const" | "required" | "dependentRequired" => node.work += values_in(value),
                _ => {}
            }
        }
        // A validator finds unevaluated values by applying the other subschemas once more.
        node.here = node.here.repeat(looks_again);
        Ok(node)
    }

    fn first_items(&mut self, node: &mut SchemaNode, value: &'r Value, resolver: &Resolver<'r>) {
        let items = value.as_array().into_iter().flatten().enumerate();
        node.items.named = items.map(|(index, value)| (index, self.number(value, resolver))).collect();
    }

    /// Returns the subschemas that a reference can lead to. A dynamic reference can lead to each anchor of its name.
    fn referenced(&mut self, keyword: &str, value: &Value, resolver: &Resolver<'r>) -> Result<Vec<usize>, String> {
        let Some(reference) = value.as_str() else { return Ok(vec![]) };
        let (target, at, _) = resolver.lookup(reference).map_err(|error| error.to_string())?.into_inner();
        let mut targets = vec![(target, at)];
        if keyword == "$dynamicRef" {
            let name = reference.rsplit_once('#').map_or("", |(_, name)| name);
            let anchored = self.dynamic.get(name).into_iter().flatten().copied();
            targets.extend(anchored.filter(|it| !std::ptr::eq(*it, target)).map(|it| (it, resolver.clone())));
        }
        Ok(targets.into_iter().filter_map(|(value, resolver)| self.number(value, &resolver)).collect())
    }
}

/// Returns the number of values within a value, itself included. A long text counts as several.
fn values_in(value: &Value) -> u64 {
    values(value).map(|(_, value)| 1 + value.as_str().map_or(0, |text| text.len() as u64 / 64)).sum()
}
