//! Counts how much work a schema can cause, before it is compiled. A validator cannot be interrupted, and a schema of
//! two kilobytes can double its work at each reference, so the work is counted from the schema's structure.
//!
//! The count is made per place: a value within the instance, to which a number of subschemas apply. The subschemas that
//! meet at a place are a multiset, which determines the multisets of its members and items. Each multiset is visited
//! once: a schema that refers to itself leads back to a known one, and one whose count grows exceeds the limit.

mod read;

use std::collections::{BTreeMap, HashSet};

use serde_json::Value;

use self::read::{ChildSchemas, SchemaNode, read};

/// The most subschemas applied at one place.
pub const MOST_APPLICATIONS: u64 = 2_000;
/// The most patterns of a schema.
pub const MOST_PATTERNS: usize = 64;
/// The most subschemas that lie within one another at one place, because each takes a piece of the stack.
const DEEPEST: usize = 100;
/// The most steps that the count itself may take.
const MOST_STEPS: usize = 500_000;

/// The cost of a schema: the most work at any one place, and its patterns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SchemaCost {
    /// The subschemas that apply at one place, and the values that they compare with.
    pub work: u64,
    /// The patterns that are matched at one place.
    pub matches: u64,
    /// The number of all patterns of the schema.
    pub patterns: usize,
}

/// Subschemas by number, and how often each applies.
type Multiset = BTreeMap<usize, u64>;

/// Counts the cost; returns an error message when the schema asks for too much.
pub fn count(schema: &Value) -> Result<SchemaCost, String> {
    let nodes = read(schema)?;
    let patterns = nodes.iter().map(|node| node.patterns).sum();
    if patterns > MOST_PATTERNS {
        return Err(format!("a schema has at most {MOST_PATTERNS} patterns, and this one has {patterns}"));
    }
    if nodes.is_empty() {
        return Ok(SchemaCost::default());
    }
    let mut places = Places { closures: closures(&nodes)?, nodes: &nodes, steps: 0 };
    Ok(SchemaCost { patterns, ..places.dearest()? })
}

fn too_many() -> String {
    format!("a schema applies at most {MOST_APPLICATIONS} subschemas at one place, and this one applies more")
}

/// Returns, for each subschema, all that apply with it at the same place, itself included.
fn closures(nodes: &[SchemaNode]) -> Result<Vec<Multiset>, String> {
    #[derive(Clone, Copy, PartialEq)]
    enum Mark {
        Unseen,
        Open,
        Done,
    }
    let mut marks = vec![Mark::Unseen; nodes.len()];
    let mut closures = vec![Multiset::new(); nodes.len()];
    let mut depths = vec![0; nodes.len()];
    for root in 0..nodes.len() {
        let mut stack = vec![root];
        while let Some(&top) = stack.last() {
            let here = &nodes[top].here;
            match marks[top] {
                Mark::Done => drop(stack.pop()),
                Mark::Unseen => {
                    marks[top] = Mark::Open;
                    for &next in here.iter().filter(|&&next| marks[next] != Mark::Done) {
                        if marks[next] == Mark::Open {
                            return Err("a reference leads back to itself without descending into the value".to_owned());
                        }
                        stack.push(next);
                    }
                }
                Mark::Open => {
                    let depth = 1 + here.iter().map(|&next| depths[next]).max().unwrap_or_default();
                    if depth > DEEPEST {
                        return Err(format!(
                            "a schema has at most {DEEPEST} subschemas within one another at one place"
                        ));
                    }
                    let mut closure = Multiset::from([(top, 1)]);
                    for &next in here {
                        add(&mut closure, &closures[next], 1);
                        if closure.values().sum::<u64>() > MOST_APPLICATIONS {
                            return Err(too_many());
                        }
                    }
                    (closures[top], depths[top], marks[top]) = (closure, depth, Mark::Done);
                    stack.pop();
                }
            }
        }
    }
    Ok(closures)
}

/// Adds another multiset, `times` times. No count exceeds `MOST_APPLICATIONS` squared, because larger ones are refused.
fn add(to: &mut Multiset, more: &Multiset, times: u64) {
    for (&node, &count) in more {
        *to.entry(node).or_default() += count * times;
    }
}

/// The places that values can have.
struct Places<'a> {
    nodes: &'a [SchemaNode],
    closures: Vec<Multiset>,
    steps: usize,
}

impl Places<'_> {
    /// Returns the highest cost at any place.
    fn dearest(&mut self) -> Result<SchemaCost, String> {
        let root = self.meeting([(0, 1)])?;
        let (mut known, mut waiting) = (HashSet::from([root.clone()]), vec![root]);
        let mut cost = SchemaCost::default();
        while let Some(place) = waiting.pop() {
            let sum =
                |of: fn(&SchemaNode) -> u64| place.iter().map(|(&node, &times)| of(&self.nodes[node]) * times).sum();
            cost.work = cost.work.max(sum(|node| node.work));
            cost.matches = cost.matches.max(sum(|node| node.patterns as u64));
            let members = self.children(&place, |node| &node.members)?;
            let items = self.children(&place, |node| &node.items)?;
            for next in members.into_iter().chain(items) {
                if !next.is_empty() && known.insert(next.clone()) {
                    waiting.push(next);
                }
            }
        }
        Ok(cost)
    }

    /// Returns all subschemas that meet where these apply.
    fn meeting(&mut self, roots: impl IntoIterator<Item = (usize, u64)>) -> Result<Multiset, String> {
        let mut place = Multiset::new();
        for (root, times) in roots {
            self.step(self.closures[root].len())?;
            add(&mut place, &self.closures[root], times);
            if place.values().sum::<u64>() > MOST_APPLICATIONS {
                return Err(too_many());
            }
        }
        Ok(place)
    }

    /// Returns the subschemas that meet at each member or item of a place: at those that some subschema names, and at
    /// any other.
    fn children<Key: Ord + Clone>(
        &mut self,
        place: &Multiset,
        of: fn(&SchemaNode) -> &ChildSchemas<Key>,
    ) -> Result<Vec<Multiset>, String> {
        let nodes = self.nodes;
        let mut named = BTreeMap::<&Key, Vec<usize>>::new();
        for &node in place.keys() {
            for key in of(&nodes[node]).named.keys() {
                named.entry(key).or_default().push(node);
            }
        }
        self.step(place.len() + named.len())?;
        let mut found = vec![];
        for key in named.keys().copied().map(Some).chain([None]) {
            let mut roots = Multiset::new();
            for (&node, &times) in place {
                let children = of(&nodes[node]);
                let own = key.and_then(|key| children.named.get(key));
                let others = if own.is_some() { &[][..] } else { &children.others[..] };
                // A boolean under a name applies nothing, but the name is known, so `others` does not apply.
                let own = own.and_then(Option::as_ref);
                for &child in own.into_iter().chain(others).chain(&children.all) {
                    *roots.entry(child).or_default() += times;
                }
            }
            self.step(place.len() + roots.len())?;
            found.push(self.meeting(roots)?);
        }
        Ok(found)
    }

    fn step(&mut self, steps: usize) -> Result<(), String> {
        self.steps += steps;
        if self.steps > MOST_STEPS { Err("a schema is too entangled to be checked".to_owned()) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Returns definitions that each refer twice to the next; `last` is the last of them.
    fn doubling(depth: usize, twice: impl Fn(&Value) -> Value, last: Value) -> Value {
        let mut definitions = serde_json::Map::new();
        for level in 0..depth {
            let next = json!({"$ref": format!("#/$defs/d{}", level + 1)});
            definitions.insert(format!("d{level}"), twice(&next));
        }
        definitions.insert(format!("d{depth}"), last);
        json!({"$ref": "#/$defs/d0", "$defs": definitions})
    }

    #[test]
    fn schemas_of_everyday_are_cheap() {
        let order = json!({
            "type": "object", "required": ["eur"], "additionalProperties": false,
            "properties": {"eur": {"type": "number"}, "why": {"type": ["string", "null"]}},
        });
        assert!(count(&order).unwrap().work < 10);
        let tree = json!({"properties": {"children": {"items": {"$ref": "#"}}, "parent": {"$ref": "#"}}});
        assert!(count(&tree).unwrap().work < 10);
        let map = json!({"properties": {"a": {"$ref": "#"}}, "additionalProperties": {"$ref": "#"}});
        assert!(count(&map).unwrap().work < 10);
        let wide: serde_json::Map<_, _> = (0..1_000).map(|i| (format!("p{i}"), json!({"type": "string"}))).collect();
        assert!(count(&json!({"properties": wide})).is_ok());
        assert!(count(&json!({"$ref": "https://json-schema.org/draft/2020-12/schema"})).is_ok());
        assert_eq!(count(&json!(true)), Ok(SchemaCost::default()));
    }

    #[test]
    fn work_that_doubles_is_refused_in_every_way() {
        type Twice = fn(&Value) -> Value;
        let doublings: [(&str, Twice); 9] = [
            ("anyOf", |next| json!({"anyOf": [next, next]})),
            ("allOf", |next| json!({"allOf": [next, next]})),
            ("oneOf", |next| json!({"oneOf": [next, next]})),
            ("not and if", |next| json!({"not": next, "if": next})),
            ("then and else", |next| json!({"if": true, "then": next, "else": next})),
            ("dependentSchemas", |next| json!({"dependentSchemas": {"a": next, "b": next}})),
            ("unevaluated", |next| json!({"allOf": [next], "unevaluatedProperties": false})),
            ("items", |next| json!({"allOf": [{"items": next}, {"items": next}]})),
            ("members", |next| json!({"additionalProperties": next, "patternProperties": {"a": next}})),
        ];
        for (name, twice) in doublings {
            let schema = doubling(12, twice, json!({"type": "string"}));
            assert!(count(&schema).is_err_and(|why| why.contains("at most 2000")), "{name}: {:?}", count(&schema));
            assert!(count(&doubling(3, twice, json!({"type": "string"}))).is_ok(), "{name}");
        }
        // The same holds for a schema that refers to itself, where the value decides how deep it goes.
        let itself = json!({"allOf": [{"items": {"$ref": "#"}}, {"items": {"$ref": "#"}}]});
        assert!(count(&itself).is_err_and(|why| why.contains("at most 2000")));
        let dynamic = json!({"$dynamicAnchor": "it", "allOf": [
            {"items": {"$dynamicRef": "#it"}}, {"items": {"$dynamicRef": "#it"}}]});
        assert!(count(&dynamic).is_err_and(|why| why.contains("at most 2000")));
    }

    #[test]
    fn what_does_not_end_is_refused() {
        for schema in [
            json!({"$ref": "#"}),
            json!({"$defs": {"a": {"allOf": [{"$ref": "#/$defs/b"}]}, "b": {"not": {"$ref": "#/$defs/a"}}}, "$ref": "#/$defs/a"}),
            json!({"$id": "https://a.example/", "$ref": "https://a.example/"}),
        ] {
            assert!(count(&schema).is_err_and(|why| why.contains("leads back")), "{schema}");
        }
        let chain = doubling(150, |next| json!({"allOf": [next]}), json!(true));
        assert!(count(&chain).is_err_and(|why| why.contains("within one another")));
    }

    #[test]
    fn patterns_and_references_are_counted() {
        let members = |count: usize| (0..count).map(|i| (format!("p{i}"), json!({"pattern": "a"}))).collect();
        let with = |count| {
            Value::Object(serde_json::Map::from_iter([("properties".to_owned(), Value::Object(members(count)))]))
        };
        assert_eq!(count(&with(64)).map(|cost| (cost.patterns, cost.matches)), Ok((64, 1)));
        assert!(count(&with(65)).is_err_and(|why| why.contains("at most 64 patterns")));
        assert!(count(&json!({"$ref": "https://elsewhere.example/schema.json"})).is_err());
        assert!(count(&json!({"$recursiveRef": "#"})).is_err());
    }

    #[test]
    fn long_lists_to_compare_with_are_work() {
        let many: Vec<Value> = (0..5_000).map(Value::from).collect();
        assert!(count(&json!({"items": {"enum": many}})).unwrap().work > 5_000);
    }

    #[test]
    fn counting_ends_soon_whatever_is_counted() {
        // Each name leads to another mix of the same subschemas.
        let all: Vec<Value> = (0..60)
            .map(|i| {
                let names = (0..60).map(|name| (format!("n{}", (name * (i + 1)) % 61), json!({"$ref": "#"})));
                json!({"properties": serde_json::Map::from_iter(names)})
            })
            .collect();
        assert!(count(&json!({"allOf": all})).is_err());
    }
}
