//! `openai.chat`: the messages of OpenAI's Chat Completions, which most frameworks and many other models speak, too.

mod parts;
mod read;
mod write;

pub use read::{NEEDS, read};
pub use write::{APART, write};
