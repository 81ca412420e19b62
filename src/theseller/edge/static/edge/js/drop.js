// A drop zone around a real file field: dropping fills the field, and the chosen files are listed before anything is sent.

const size = (bytes) => {
  const units = ["B", "kB", "MB", "GB"];
  let step = 0;
  let value = bytes;
  while (value >= 1000 && step < units.length - 1) { value /= 1000; step += 1; }
  const digits = step && value < 100 ? 1 : 0;
  return `${value.toLocaleString(document.documentElement.lang, { minimumFractionDigits: digits, maximumFractionDigits: digits })} ${units[step]}`;
};

function prepare(zone) {
  const field = zone.querySelector("input[type=file]");
  const list = zone.querySelector(".drop-list");
  if (!field || zone.dataset.ready) return;
  zone.dataset.ready = "1";

  const show = () => {
    list?.replaceChildren(...Array.from(field.files, (file) => {
      const item = document.createElement("li");
      item.append(Object.assign(document.createElement("span"), { textContent: file.name }), Object.assign(document.createElement("span"), { textContent: size(file.size) }));
      return item;
    }));
  };
  field.addEventListener("change", show);

  let depth = 0;
  const over = (by) => { depth = Math.max(depth + by, 0); zone.classList.toggle("is-over", depth > 0); };
  zone.addEventListener("dragenter", (event) => { event.preventDefault(); over(1); });
  zone.addEventListener("dragleave", () => over(-1));
  zone.addEventListener("dragover", (event) => event.preventDefault());
  zone.addEventListener("drop", (event) => {
    event.preventDefault();
    depth = 0;
    over(0);
    if (!event.dataTransfer.files.length) return;
    const kept = new DataTransfer();
    for (const file of event.dataTransfer.files) if (field.multiple || !kept.items.length) kept.items.add(file);
    field.files = kept.files;
    field.dispatchEvent(new Event("change", { bubbles: true }));
    field.focus();
  });
}

const prepareAll = () => document.querySelectorAll("[data-drop]").forEach(prepare);
prepareAll();
document.addEventListener("htmx:afterSettle", prepareAll);
