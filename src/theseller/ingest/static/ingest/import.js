// The browser keeps each file between looking and storing, and sends it again: the server keeps none. Without this the form works as it is.

const form = document.getElementById("import-form");
const results = document.getElementById("import-results");
const voice = document.getElementById("import-voice");
const field = form.querySelector("input[type=file]");
const confirmAtOnce = form.querySelector("input[name=confirm]");
const send = document.getElementById("import-send");
const limit = Number(form.dataset.limitMb) * 1024 * 1024;
const most = Number(form.dataset.most);
// Translated with the page: a step (waiting, importing, checking) has its name, and a sentence with the file.
const texts = document.getElementById("import-texts").dataset;
const steps = {
  waiting: [texts.textWaiting, texts.textWaitingFile],
  importing: [texts.textImporting, texts.textImportingFile],
  checking: [texts.textChecking, texts.textCheckingFile],
};
const kept = new WeakMap(); // card → its file
const stated = new WeakMap(); // card → what was said of its file: store, first and last day

const element = (tag, properties, ...children) => {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
};

function notice(title, text) {
  const box = element("div", { className: "notice is-bad" }, element("b", { textContent: title }), element("span", { textContent: text }));
  box.setAttribute("role", "alert");
  return box;
}

function problemCard(file, title, text) {
  const card = element("article", { className: "card import-card" }, element("div", { className: "section-head" }, element("h2", { textContent: file.name })), notice(title, text));
  return card;
}

function waitingCard(file, step) {
  const [text, withFile] = steps[step];
  const bar = element("progress", { className: "progress", max: 1, value: 0 });
  bar.setAttribute("aria-label", withFile.replace("{file}", () => file.name));
  const card = element("article", { className: "card import-card" }, element("div", { className: "section-head" }, element("h2", { textContent: file.name }), element("span", { className: "muted small", textContent: text })), bar);
  card.setAttribute("aria-busy", "true");
  return [card, bar];
}

// What an answer means that is no card: the session ended, too fast, the server is down.
function explain(request) {
  const wait = request.getResponseHeader("Retry-After");
  const reference = request.getResponseHeader("X-Request-Id");
  if (request.status === 429) return [texts.textTooFastTitle, wait ? texts.textTooFastUntil.replace("{seconds}", wait) : texts.textTooFast];
  if (request.status === 403) return [texts.textForbiddenTitle, texts.textForbidden];
  if (request.status === 413) return [texts.textTooLargeTitle, texts.textTooLarge];
  if (request.status === 0) return [texts.textUnreachableTitle, texts.textUnreachable];
  if (request.status === 200) return [texts.textSignedOutTitle, texts.textSignedOut];
  return [texts.textFailedTitle, reference ? texts.textFailedReference.replace("{reference}", reference) : texts.textFailed];
}

function post(file, extras, onProgress) {
  const data = new FormData();
  data.append("csrfmiddlewaretoken", form.querySelector("[name=csrfmiddlewaretoken]").value);
  for (const [name, value] of Object.entries(extras)) data.append(name, value);
  data.append("files", file, file.name);
  return new Promise((resolve) => {
    const request = new XMLHttpRequest();
    request.open("POST", window.location.pathname);
    request.responseType = "document";
    request.setRequestHeader("X-Fragment", "cards");
    request.upload.addEventListener("progress", (event) => { if (event.lengthComputable) onProgress(event.loaded / event.total); });
    request.addEventListener("loadend", () => resolve(request));
    request.send(data);
  });
}

async function exchange(file, extras, place, step) {
  const [waiting, bar] = waitingCard(file, step);
  place.replaceWith(waiting);
  const transmit = () => post(file, extras, (share) => { if (share < 1) bar.value = share; else bar.removeAttribute("value"); });
  let request = await transmit();
  // Another file of this account or shop is being read: the browser still has this one, and sends it again.
  for (let tries = 0; request.status === 409 && tries < 20; tries += 1) {
    const seconds = Number(request.getResponseHeader("Retry-After")) || 3;
    await new Promise((resolve) => { setTimeout(resolve, seconds * 1000); });
    request = await transmit();
  }
  const answer = request.response?.querySelector("[data-import-result]");
  const card = answer ? document.adoptNode(answer) : problemCard(file, ...explain(request));
  waiting.replaceWith(card);
  kept.set(card, file);
  stated.set(card, extras);
  for (const actions of card.querySelectorAll("[data-actions]")) actions.removeAttribute("hidden");
  voice.textContent = `${file.name}: ${card.querySelector(".badge, .notice b")?.textContent.trim() ?? ""}`;
  if (card.hasAttribute("data-done")) await refresh();
  return card;
}

async function refresh() {
  const answer = await fetch(window.location.pathname, { headers: { "X-Fragment": "documents" } }).catch(() => null);
  if (!answer?.ok || answer.redirected) return;
  const list = new DOMParser().parseFromString(await answer.text(), "text/html");
  document.getElementById("documents").replaceChildren(...Array.from(list.body.childNodes, (node) => document.adoptNode(node)));
}

const named = ["store", "first_day", "last_day"];

// Options of the form, and what was said of the file in its own card.
// The days in the form are those of one file; of several, each card asks for its own.
function options(confirm, partly, card, several = false) {
  const chosen = { encoding: form.querySelector("[name=encoding]").value };
  const said = stated.get(card);
  for (const name of named) chosen[name] = said?.[name] ?? (several && name !== "store" ? "" : form.querySelector(`[name=${name}]`).value);
  for (const input of card?.querySelectorAll("[data-stated]") ?? []) chosen[input.name] = input.value;
  if (confirm) chosen.confirm = "1";
  if (partly || form.querySelector("[name=allow_refused_rows]").checked) chosen.allow_refused_rows = "1";
  return chosen;
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const files = Array.from(field.files);
  if (files.length > most) {
    results.replaceChildren(notice(texts.textTooManyTitle, texts.textTooMany));
    return;
  }
  const confirm = confirmAtOnce.checked;
  const places = files.map((file) => waitingCard(file, "waiting")[0]);
  results.replaceChildren(...places);
  send.disabled = true;
  // One after the other: a file is held in the server's memory while it is read.
  for (const [number, file] of files.entries()) {
    if (file.size > limit) places[number].replaceWith(problemCard(file, texts.textFileTooLargeTitle, texts.textFileTooLarge));
    else await exchange(file, options(confirm, false, null, files.length > 1), places[number], confirm ? "importing" : "checking");
  }
  send.disabled = false;
  form.reset();
  send.textContent = texts.textCheckFiles;
  field.dispatchEvent(new Event("change", { bubbles: true }));
});

results.addEventListener("click", async (event) => {
  const card = event.target.closest("[data-import-result]");
  const button = event.target.closest("[data-import], [data-check], [data-discard]");
  if (!card || !button) return;
  if (button.hasAttribute("data-discard")) { card.remove(); field.focus(); return; }
  if (button.hasAttribute("data-check")) {
    if (!Array.from(card.querySelectorAll("[data-stated]")).every((input) => input.reportValidity())) return;
    const checked = await exchange(kept.get(card), options(false, false, card), card, "checking");
    checked.querySelector("h2")?.focus();
    return;
  }
  const done = await exchange(kept.get(card), options(true, button.hasAttribute("data-partly"), card), card, "importing");
  done.querySelector("h2")?.focus();
});

confirmAtOnce.addEventListener("change", () => { send.textContent = confirmAtOnce.checked ? texts.textImport : texts.textCheckFiles; });
