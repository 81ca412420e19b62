// A day of the chart opens its transactions and orders, a week its days: by a click, or by Enter at the cursor. The table below the chart holds the same links.

const open = (figure, index) => {
  const block = document.getElementById(figure.dataset.chart);
  const data = block && JSON.parse(block.textContent);
  const day = data?.days?.[index];
  if (day && data.dayAddress) window.location.assign(data.dayAddress.replace("DAY", day).replace("FIRST", data.firsts?.[index] ?? day));
};

const place = (figure, x) => {
  const over = figure.querySelector(".u-over");
  const block = document.getElementById(figure.dataset.chart);
  if (!over || !block) return -1;
  const last = JSON.parse(block.textContent).days.length - 1;
  return Math.min(Math.max(Math.round((x / over.clientWidth) * last), 0), last);
};

document.addEventListener("click", (event) => {
  const over = event.target.closest?.(".u-over");
  const figure = over?.closest("figure[data-chart]");
  if (figure) open(figure, place(figure, event.clientX - over.getBoundingClientRect().left));
}, true); // Captured: uPlot stops clicks on their way up.

document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !event.target.matches?.(".plot")) return;
  const figure = event.target.closest("figure[data-chart]");
  const line = figure?.querySelector(".u-cursor-x");
  if (!line) return;
  const over = figure.querySelector(".u-over").getBoundingClientRect();
  open(figure, place(figure, line.getBoundingClientRect().left - over.left));
});
