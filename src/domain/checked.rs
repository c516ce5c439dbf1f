//! A value that passed a check, carried as a type so that it cannot be forgotten.

/// Holds what some check let through. The domain cannot run the check itself (a JSON Schema compiler does not belong in
/// the browser), so verbs that depend on one ask for the proof.
#[derive(Debug, Clone, PartialEq)]
pub struct Checked<T>(T);

impl<T> Checked<T> {
    /// Runs the check, which may add remarks to the value, and wraps the value when it passes.
    pub fn by<E>(mut value: T, check: impl FnOnce(&mut T) -> Result<(), E>) -> Result<Self, E> {
        check(&mut value)?;
        Ok(Self(value))
    }

    /// The value.
    pub fn get(&self) -> &T {
        &self.0
    }
}
