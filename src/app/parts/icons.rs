//! Icons: one outline set (Lucide, ISC licence), each as a single path, always next to text and hidden from assistive
//! technology.

use leptos::prelude::*;

/// The meaning of an icon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Icon {
    Queue,
    Person,
    Missed,
    List,
    Archive,
    Search,
    Bailout,
    SignOut,
    Chat,
    Question,
    Decision,
    Clock,
    Flag,
    Agent,
    People,
    Lock,
    Check,
    Alert,
    Wrench,
    ChevronDown,
    ChevronLeft,
    Close,
    Offline,
    Panel,
    ArrowDown,
    Sound,
    Bell,
}

impl Icon {
    /// Returns the icon's outline on a grid of 24 by 24.
    fn path(self) -> &'static str {
        match self {
            Self::Search => "M19 11a8 8 0 1 1-16 0 8 8 0 0 1 16 0z M21 21l-4.35-4.35",
            Self::Queue => {
                "M22 12 16 12 14 15 10 15 8 12 2 12 M5.45 5.11 2 12v6a2 2 0 0 0 2 2h16a2 2 0 0 0 \
                 2-2v-6l-3.45-6.89A2 2 0 0 0 16.76 4H7.24a2 2 0 0 0-1.79 1.11z"
            }
            Self::Person => "M19 21v-2a4 4 0 0 0-4-4H9a4 4 0 0 0-4 4v2 M8 7a4 4 0 1 0 8 0a4 4 0 1 0 -8 0",
            Self::Missed => "M12 6v6l4 2 M20 12v5 M20 21h.01 M21.25 8.2A10 10 0 1 0 16 21.16",
            Self::List => "M3 5h.01 M3 12h.01 M3 19h.01 M8 5h13 M8 12h13 M8 19h13",
            Self::Archive => {
                "M3 3h18a1 1 0 0 1 1 1v3a1 1 0 0 1 -1 1h-18a1 1 0 0 1 -1 -1v-3a1 1 0 0 1 1 -1z M4 8v11a2 2 0 0 0 \
                 2 2h12a2 2 0 0 0 2-2V8 M10 12h4"
            }
            Self::Bailout => {
                "M2 12a10 10 0 1 0 20 0a10 10 0 1 0 -20 0 M4.93 4.93l4.24 4.24 M14.83 9.17l4.24-4.24 M14.83 \
                 14.83l4.24 4.24 M9.17 14.83l-4.24 4.24 M8 12a4 4 0 1 0 8 0a4 4 0 1 0 -8 0"
            }
            Self::SignOut => "m16 17 5-5-5-5 M21 12H9 M9 21H5a2 2 0 0 1-2-2V5a2 2 0 0 1 2-2h4",
            Self::Chat => {
                "M22 17a2 2 0 0 1-2 2H6.828a2 2 0 0 0-1.414.586l-2.202 2.202A.71.71 0 0 1 2 21.286V5a2 2 0 0 1 \
                 2-2h16a2 2 0 0 1 2 2z"
            }
            Self::Question => {
                "M2 12a10 10 0 1 0 20 0a10 10 0 1 0 -20 0 M9.09 9a3 3 0 0 1 5.83 1c0 2-3 3-3 3 M12 17h.01"
            }
            Self::Decision => {
                "M9 2h6a1 1 0 0 1 1 1v2a1 1 0 0 1 -1 1h-6a1 1 0 0 1 -1 -1v-2a1 1 0 0 1 1 -1z M16 4h2a2 2 0 0 1 2 \
                 2v14a2 2 0 0 1-2 2H6a2 2 0 0 1-2-2V6a2 2 0 0 1 2-2h2 M9 14l2 2 4-4"
            }
            Self::Clock => "M2 12a10 10 0 1 0 20 0a10 10 0 1 0 -20 0 M12 6v6l4 2",
            Self::Flag => {
                "M4 22V4a1 1 0 0 1 .4-.8A6 6 0 0 1 8 2c3 0 5 2 7.333 2q2 0 3.067-.8A1 1 0 0 1 20 4v10a1 1 0 0 \
                 1-.4.8A6 6 0 0 1 16 16c-3 0-5-2-8-2a6 6 0 0 0-4 1.528"
            }
            Self::Agent => {
                "M12 8V4H8 M6 8h12a2 2 0 0 1 2 2v8a2 2 0 0 1 -2 2h-12a2 2 0 0 1 -2 -2v-8a2 2 0 0 1 2 -2z M2 14h2 \
                 M20 14h2 M15 13v2 M9 13v2"
            }
            Self::People => {
                "M16 21v-2a4 4 0 0 0-4-4H6a4 4 0 0 0-4 4v2 M16 3.128a4 4 0 0 1 0 7.744 M22 21v-2a4 4 0 0 \
                 0-3-3.87 M5 7a4 4 0 1 0 8 0a4 4 0 1 0 -8 0"
            }
            Self::Lock => {
                "M5 11h14a2 2 0 0 1 2 2v7a2 2 0 0 1 -2 2h-14a2 2 0 0 1 -2 -2v-7a2 2 0 0 1 2 -2z M7 11V7a5 5 0 0 \
                 1 10 0v4"
            }
            Self::Check => "M20 6 9 17l-5-5",
            Self::Alert => {
                "m21.73 18-8-14a2 2 0 0 0-3.48 0l-8 14A2 2 0 0 0 4 21h16a2 2 0 0 0 1.73-3 M12 9v4 M12 17h.01"
            }
            Self::Wrench => {
                "M14.7 6.3a1 1 0 0 0 0 1.4l1.6 1.6a1 1 0 0 0 1.4 0l3.106-3.105c.32-.322.863-.22.983.218a6 6 0 0 \
                 1-8.259 7.057l-7.91 7.91a1 1 0 0 1-2.999-3l7.91-7.91a6 6 0 0 1 \
                 7.057-8.259c.438.12.54.662.219.984z"
            }
            Self::ChevronDown => "m6 9 6 6 6-6",
            Self::ChevronLeft => "m15 18-6-6 6-6",
            Self::Close => "M18 6 6 18 M6 6l12 12",
            Self::Offline => {
                "M12 20h.01 M8.5 16.429a5 5 0 0 1 7 0 M5 12.859a10 10 0 0 1 5.17-2.69 M19 12.859a10 10 0 0 \
                 0-2.007-1.523 M2 8.82a15 15 0 0 1 4.177-2.643 M22 8.82a15 15 0 0 0-11.288-3.764 M2 2l20 20"
            }
            Self::Panel => "M5 3h14a2 2 0 0 1 2 2v14a2 2 0 0 1 -2 2h-14a2 2 0 0 1 -2 -2v-14a2 2 0 0 1 2 -2z M15 3v18",
            Self::Sound => "M11 5 6 9H2v6h4l5 4z M15.54 8.46a5 5 0 0 1 0 7.07 M19.07 4.93a10 10 0 0 1 0 14.14",
            Self::Bell => "M10.3 21a2 2 0 0 0 3.4 0 M6 8a6 6 0 0 1 12 0c0 7 3 9 3 9H3s3-2 3-9",
            Self::ArrowDown => "M12 5v14 M19 12l-7 7-7-7",
        }
    }
}

/// Renders an icon.
pub fn icon(icon: Icon) -> impl IntoView {
    drawn(icon, "icon")
}

/// Renders the chevron of a folding element; the chevron turns with the `open` attribute of its `details`.
pub fn chevron() -> impl IntoView {
    drawn(Icon::ChevronDown, "icon chevron")
}

fn drawn(icon: Icon, class: &'static str) -> impl IntoView {
    view! {
        <svg class=class viewBox="0 0 24 24" width="16" height="16" aria-hidden="true" focusable="false">
            <path d=icon.path()></path>
        </svg>
    }
}
