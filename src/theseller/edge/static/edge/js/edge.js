// The small manners of every page. All of it is a convenience: each thing here can be done without it.

const doc = document;

/* Keys: "/" search, "[" "]" previous and next period, "c" comparison, "g" then a letter goes somewhere, "?" lists them. */
let goTo = 0;

const typing = (target) => target instanceof Element && target.closest("input, select, textarea, [contenteditable], dialog, .plot");

const follow = (selector) => {
  const link = doc.querySelector(selector);
  if (link) link.click();
  return Boolean(link);
};

doc.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
  const key = event.key;
  if (goTo && Date.now() - goTo < 1200) {
    goTo = 0;
    if (/^[a-z]$/.test(key) && follow(`[data-go="${key}"]`)) event.preventDefault();
    return;
  }
  if (key === "g") goTo = Date.now();
  else if (key === "/") {
    const field = doc.querySelector("[data-key='/']");
    if (!field) return;
    event.preventDefault();
    field.focus();
  } else if (key === "?") doc.querySelector("dialog[data-keys]")?.showModal();
  else if (key === "[" || key === "]" || key === "c") {
    const target = doc.querySelector(`[data-key="${key}"]`);
    if (!target) return;
    if (target.matches("select, input")) target.focus();
    else target.click();
  }
});

/* A select in a form marked data-autosubmit sends it; without script its button does. */
doc.addEventListener("change", (event) => {
  const form = event.target.closest?.("form[data-autosubmit]");
  if (form && event.target.matches("select, input[type=checkbox], input[type=radio], input[type=date]")) form.requestSubmit();
});

doc.addEventListener("click", (event) => {
  const target = event.target.closest?.("[data-print], [data-close], [data-copy]");
  if (!target) return;
  if ("print" in target.dataset) window.print();
  if ("close" in target.dataset) target.closest("dialog, .notice")?.[target.closest("dialog") ? "close" : "remove"]();
  if ("copy" in target.dataset) {
    navigator.clipboard?.writeText(doc.getElementById(target.dataset.copy)?.textContent.trim() ?? "").then(() => say(doc.getElementById("voice")?.dataset.textCopied ?? ""));
  }
});

/* An open menu closes on Escape and on a click elsewhere. */
const closeMenus = (but) => doc.querySelectorAll("details.menu[open]").forEach((menu) => { if (menu !== but) menu.open = false; });
doc.addEventListener("click", (event) => closeMenus(event.target.closest?.("details.menu")));
doc.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  const open = doc.querySelector("details.menu[open]");
  if (open) { open.open = false; open.querySelector("summary").focus(); }
});

/* A form that was sent is not sent twice. */
doc.addEventListener("submit", (event) => {
  if (event.target.method !== "post" || event.defaultPrevented) return;
  const button = event.submitter;
  if (button) window.setTimeout(() => { button.disabled = true; window.setTimeout(() => { button.disabled = false; }, 8000); }, 0);
});
window.addEventListener("pageshow", () => doc.querySelectorAll("form button:disabled[type=submit]").forEach((button) => { button.disabled = false; }));

/* One polite voice for what changes without a new page. */
function say(text) {
  const voice = doc.getElementById("voice");
  if (!voice) return;
  voice.textContent = "";
  window.setTimeout(() => { voice.textContent = text; }, 50);
}

function toast(text) {
  const place = doc.getElementById("toasts");
  if (!place) return;
  const note = doc.createElement("div");
  note.className = "notice is-bad";
  note.textContent = text;
  place.replaceChildren(note);
  window.setTimeout(() => note.remove(), 10000);
}

doc.addEventListener("htmx:beforeRequest", (event) => event.detail.target?.setAttribute("aria-busy", "true"));
doc.addEventListener("htmx:afterRequest", (event) => event.detail.target?.removeAttribute("aria-busy"));
doc.addEventListener("htmx:afterSettle", (event) => {
  const spoken = event.detail.elt?.querySelector?.("[data-say]");
  if (spoken) say(spoken.dataset.say || spoken.textContent.trim());
});
/* The texts are attributes of the place where they appear, so that they are translated with the page. */
const texts = () => doc.getElementById("toasts")?.dataset ?? {};
doc.addEventListener("htmx:sendError", () => toast(texts().textUnreachable));
doc.addEventListener("htmx:responseError", (event) => {
  const wait = event.detail.xhr.getResponseHeader("Retry-After");
  const reference = event.detail.xhr.getResponseHeader("X-Request-Id");
  if (event.detail.xhr.status === 429) toast(wait ? texts().textTooFastUntil.replace("{seconds}", wait) : texts().textTooFast);
  else if (event.detail.xhr.status === 403) toast(texts().textSignedOut);
  else toast(reference ? texts().textFailedReference.replace("{reference}", reference) : texts().textFailed);
});
