//! Compiles schemas, and caches those that were used last.

use std::{
    num::NonZeroUsize,
    sync::{Arc, Mutex, PoisonError},
};

use jsonschema::{PatternOptions, ValidationOptions, Validator};
use lru::LruCache;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{
    bounds::{self, SchemaCost},
    fault::CheckedValue,
    patterns::without_lookaround,
};
use crate::{
    domain::{field_problem::FieldProblem, json_text::JsonText, json_values::values},
    server::contract::short,
};

/// The size limit of a compiled pattern in bytes, and again of the cache for matching it.
const LARGEST_PATTERN: usize = 256 * 1024;
/// The most schemas that the cache holds, and about the most bytes that they may take together.
const MOST_CACHED: NonZeroUsize = NonZeroUsize::new(256).unwrap();
const CACHE: usize = 32 * 1024 * 1024;
/// The approximate number of bytes that a compiled schema takes for each byte of its text.
const BYTES_A_BYTE: usize = 16;
/// The most work that a check in this process may be: about ten milliseconds.
const CHEAP: u64 = 100_000;
/// The work of matching a pattern with one byte of text, at worst.
const WORK_A_MATCHED_BYTE: u64 = 32;
/// The bytes of text that are as much work as one subschema.
const BYTES_A_VALUE: u64 = 64;

/// A compiled schema, and its cost.
pub struct CompiledSchema {
    validator: Validator,
    cost: SchemaCost,
    unchecked: Vec<String>,
}

impl CompiledSchema {
    /// Compiles a schema; returns an error message when it cannot be used.
    pub fn of(schema: &Value) -> Result<Self, String> {
        // The count comes first, because it bounds the cost of compiling.
        let cost = bounds::count(schema)?;
        let stripped = without_lookaround(schema, &|schema| options().build(schema).is_ok());
        let (schema, unchecked) = stripped.as_ref().map_or((schema, vec![]), |(kept, named)| (kept, named.clone()));
        let validator = options().build(schema);
        let validator = validator.map_err(|error| {
            let places = [error.instance_path().to_string(), error.schema_path().to_string()];
            let place =
                places.into_iter().find(|place| !place.is_empty()).unwrap_or_else(|| "its references".to_owned());
            format!(
                "cannot be used, see {}: a schema is of draft 2020-12, with patterns that a linear engine matches",
                short(&place)
            )
        })?;
        Ok(Self { validator, cost, unchecked })
    }

    /// Returns the pointers of the patterns that are not checked.
    pub fn unchecked(&self) -> &[String] {
        &self.unchecked
    }

    /// Returns the number of patterns.
    pub fn patterns(&self) -> usize {
        self.cost.patterns
    }

    /// Returns whether a check of this value is little work, by its size and the cost of the schema.
    pub fn is_cheap_for(&self, value: &Value) -> bool {
        let size = Size::of(value);
        let applied = (size.values + size.bytes / BYTES_A_VALUE).saturating_mul(self.cost.work);
        let matched = size.bytes.saturating_mul(self.cost.matches * WORK_A_MATCHED_BYTE);
        applied.saturating_add(matched) <= CHEAP
    }

    /// Returns the problems of a value.
    pub fn apply(&self, value: &Value, subject: CheckedValue) -> Vec<FieldProblem> {
        // Most values are valid, and finding that out collects no errors.
        if self.validator.is_valid(value) {
            return vec![];
        }
        self.validator.iter_errors(value).take(subject.most_errors()).flat_map(|error| subject.told(&error)).collect()
    }
}

fn options() -> ValidationOptions<'static> {
    // Patterns are matched in linear time, because an agent's schema is data and must not be able to stop the server.
    let patterns = PatternOptions::regex().size_limit(LARGEST_PATTERN).dfa_size_limit(LARGEST_PATTERN);
    let options = jsonschema::draft202012::options().with_pattern_options(patterns).should_validate_formats(true);
    // A value that is a pattern would be compiled, whatever its size.
    options.with_format("regex", |_| true)
}

/// The size of a value.
#[derive(Default)]
struct Size {
    /// The number of values, itself included.
    values: u64,
    /// The bytes of its texts and names.
    bytes: u64,
}

impl Size {
    fn of(value: &Value) -> Self {
        let mut size = Self::default();
        for (_, value) in values(value) {
            size.values += 1;
            size.bytes += match value {
                Value::String(text) => text.len() as u64,
                Value::Object(members) => members.keys().map(|name| name.len() as u64).sum(),
                _ => 0,
            };
        }
        size
    }
}

/// The cache of the compiled schemas that were used last, by the hash of their text.
pub struct SchemaCache(Mutex<Kept>);

struct Kept {
    schemas: LruCache<[u8; 32], (Arc<CompiledSchema>, usize)>,
    bytes: usize,
}

impl Default for SchemaCache {
    fn default() -> Self {
        Self(Mutex::new(Kept { schemas: LruCache::new(MOST_CACHED), bytes: 0 }))
    }
}

impl SchemaCache {
    /// Returns a schema, compiled now or taken from the cache.
    pub fn get(&self, schema: &JsonText) -> Result<Arc<CompiledSchema>, String> {
        let text = schema.as_str();
        let hash = Sha256::digest(text).into();
        let kept = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((compiled, _)) = kept().schemas.get(&hash) {
            return Ok(Arc::clone(compiled));
        }
        let compiled = Arc::new(CompiledSchema::of(&schema.value())?);
        let bytes = text.len() * BYTES_A_BYTE + compiled.cost.patterns * LARGEST_PATTERN * 2;
        kept().add(hash, Arc::clone(&compiled), bytes);
        Ok(compiled)
    }
}

impl Kept {
    fn add(&mut self, hash: [u8; 32], compiled: Arc<CompiledSchema>, bytes: usize) {
        self.bytes += bytes;
        // The replaced entry is the same schema, compiled by another thread meanwhile, or the least recently used of a
        // full cache.
        if let Some((_, (_, replaced))) = self.schemas.push(hash, (compiled, bytes)) {
            self.bytes -= replaced;
        }
        while self.bytes > CACHE {
            let Some((_, (_, bytes))) = self.schemas.pop_lru() else { break };
            self.bytes -= bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_cache_forgets_what_was_not_used_for_longest() {
        let cache = SchemaCache::default();
        let get = |schema: &Value| cache.get(&schema.into()).unwrap();
        let patterns = |first: usize| -> Value {
            let members = (0..20).map(|i| (format!("p{i}"), json!({"pattern": format!("a{}", first + i)})));
            json!({"properties": serde_json::Map::from_iter(members)})
        };
        // Each counts for 10 MiB, so three fit.
        let first = get(&patterns(0));
        assert!(Arc::ptr_eq(&first, &get(&patterns(0))));
        get(&patterns(100));
        get(&patterns(200));
        assert!(Arc::ptr_eq(&first, &get(&patterns(0))));
        get(&patterns(300));
        assert!(Arc::ptr_eq(&first, &get(&patterns(0))), "used a moment ago");
        let kept = cache.0.lock().unwrap();
        assert!(kept.schemas.len() == 3 && kept.bytes <= CACHE, "{} schemas, {} bytes", kept.schemas.len(), kept.bytes);
    }

    #[test]
    fn the_cache_holds_a_number_of_schemas() {
        let cache = SchemaCache::default();
        for n in 0..=MOST_CACHED.get() {
            let schema = json!({"minimum": n});
            cache.get(&(&schema).into()).unwrap();
        }
        let kept = cache.0.lock().unwrap();
        let text = json!({"minimum": 1}).to_string().len()..=json!({"minimum": 256}).to_string().len();
        assert_eq!(kept.schemas.len(), MOST_CACHED.get());
        assert!((text.start() * 256 * BYTES_A_BYTE..=text.end() * 256 * BYTES_A_BYTE).contains(&kept.bytes));
    }

    #[test]
    fn what_is_cheap_follows_from_the_schema_and_the_value() {
        let cheap = |schema: Value, value: &Value| CompiledSchema::of(&schema).unwrap().is_cheap_for(value);
        let list = |count: usize| Value::Array(vec![json!(1); count]);
        assert!(cheap(json!({"items": {"type": "integer"}}), &list(10_000)));
        assert!(!cheap(json!({"items": {"type": "integer"}}), &list(100_001)));
        assert!(!cheap(json!({"items": {"enum": list(1_000)}}), &list(200)));
        assert!(cheap(json!({"pattern": "^a+$"}), &json!("a".repeat(1_000))));
        assert!(!cheap(json!({"pattern": "^a+$"}), &json!("a".repeat(10_000))));
    }
}
