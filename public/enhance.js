// What a plain page cannot do without a script: copy a text, show a password, try a notification, and announce the first
// escalation. The page works without this file; its buttons for these are shown once the file has run.

const byId = (id) => document.getElementById(id);

document.addEventListener("click", async (event) => {
  const button = event.target.closest?.("button");
  if (button?.dataset.copy) {
    const text = byId(button.dataset.copy);
    try {
      await navigator.clipboard.writeText(text.textContent);
      button.textContent = "Copied";
    } catch {
      // A page that may not write to the clipboard selects the text instead.
      getSelection().selectAllChildren(text);
    }
  } else if (button?.dataset.show) {
    const field = byId(button.dataset.show);
    const shows = field.type === "password";
    field.type = shows ? "text" : "password";
    button.setAttribute("aria-pressed", String(shows));
  } else if (button && "notify" in button.dataset && "Notification" in window) {
    await Notification.requestPermission();
    tellPermission();
    if (Notification.permission === "granted") {
      const body = "This is how an escalation calls you.";
      new Notification("Bailout", { body, tag: "test", icon: "/favicon.svg" });
    }
  }
});

function tellPermission() {
  const words = {
    granted: "This browser shows them.",
    denied: "This browser was told not to show them; its settings for this site can change that.",
    default: "This browser will ask before it shows them.",
  };
  const line = byId("permission");
  if (line) line.textContent = "Notification" in window ? words[Notification.permission] : "This browser has none.";
}

// Turns the line that waits for the first escalation into a link to it.
function listen() {
  const line = byId("listening");
  if (!line) return;
  const stream = new EventSource("/live?after=" + line.dataset.after);
  stream.addEventListener("frame", (event) => {
    const link = line.querySelector("a");
    link.href = "/e/" + JSON.parse(event.data).row.id;
    link.textContent = "Your first escalation is here: open it";
    line.replaceChildren(link);
    stream.close();
  });
}

tellPermission();
listen();
try {
  // Tells this browser's other tabs that somebody may have just signed in.
  localStorage.setItem("loaded", new Date().toISOString());
} catch {
  // Without storage the other tabs find out by polling the server.
}
document.documentElement.dataset.enhanced = "";
