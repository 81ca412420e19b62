// Ticks orders without a new page and counts them. Without it the same links tick on the server, and the server counts.

const form = document.querySelector("form[data-slips]");
if (form) {
  const most = Number(form.dataset.most);
  const boxes = [...form.querySelectorAll("input[name=order]")];
  const told = form.querySelector("[data-count]");
  // What to say of each number of ticked orders, from none to all: languages have several plural forms.
  const texts = JSON.parse(told.dataset.textSelected);
  const count = () => {
    const ticked = boxes.filter((box) => box.checked).length;
    told.textContent = texts[ticked];
  };
  form.addEventListener("change", count);
  form.addEventListener("click", (event) => {
    const link = event.target.closest?.("[data-tick]");
    if (!link) return;
    event.preventDefault();
    boxes.forEach((box, place) => { box.checked = link.dataset.tick === "all" && place < most; });
    count();
  });
  // A browser may keep the ticks of a page that was left.
  window.addEventListener("pageshow", count);
  count();
}
