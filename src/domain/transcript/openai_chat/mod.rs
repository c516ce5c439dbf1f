//! `openai.chat`: the messages of OpenAI's Chat Completions, which most frameworks and many other models speak, too.

mod read;
mod write;

pub use read::{NEEDS, read};
pub use write::{APART, write};
