//! `openai.chat`: the messages of OpenAI's Chat Completions, which most frameworks and many other models use, too.

mod parts;
mod read;
mod write;

pub use parts::in_words;
pub use read::{NEEDS, read};
pub use write::{APART, write};
