//! A wrapper type for a value that passed a check, so that the check cannot be forgotten.

/// A value that passed a check. The domain cannot run the check itself, because a JSON Schema compiler does not belong
/// in the browser. Verbs that depend on a check therefore take this type.
#[derive(Debug, Clone, PartialEq)]
pub struct Checked<T>(T);

impl<T> Checked<T> {
    /// Runs the check, which may add remarks to the value, and wraps the value when it passes.
    pub fn by<E>(mut value: T, check: impl FnOnce(&mut T) -> Result<(), E>) -> Result<Self, E> {
        check(&mut value)?;
        Ok(Self(value))
    }

    /// Returns the value.
    pub fn get(&self) -> &T {
        &self.0
    }
}
