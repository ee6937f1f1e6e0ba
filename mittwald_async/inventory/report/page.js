"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const locale = document.documentElement.dataset.locale;
  const PAGE = matchMedia("(max-width: 40rem)").matches ? 15 : 50;
  const ORDER = { critical: 0, high: 1, medium: 2, low: 3, info: 4 };
  const numbers = new Intl.NumberFormat(locale);
  const dates = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short" });
  const collator = new Intl.Collator(locale, { numeric: true });

  const element = (tag, attributes = {}, ...children) => {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.append(...children);
    return made;
  };

  const size = (bytes) => {
    const units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let unit = 0;
    while (bytes >= 1024 && unit < units.length - 1) { bytes /= 1024; unit += 1; }
    return `${new Intl.NumberFormat(locale, { maximumFractionDigits: 1 }).format(bytes)} ${units[unit]}`;
  };

  const shown = (column, value) => {
    if (value === null || value === undefined) return "";
    if (column === "storage") return size(value);
    if (typeof value === "number") return numbers.format(value);
    if (column === "check") return data.checks[value] ? data.checks[value].title : value;
    return String(value);
  };

  const compare = (column, one, other) => {
    if (column === "severity") return ORDER[one] - ORDER[other];
    if (typeof one === "number" && typeof other === "number") return one - other;
    return collator.compare(shown(column, one), shown(column, other));
  };

  const show = (place) => {
    const name = place.dataset.table;
    const { columns, rows, total } = data[name];
    if (!rows.length) return;
    const label = `Search ${name}`;
    const search = element("input", { type: "search", placeholder: label, "aria-label": label });
    const tools = element("div", { class: "tools" }, search);
    const filterColumn = columns.indexOf(place.dataset.filter || "");
    const filter = element("select", { "aria-label": `Filter by ${place.dataset.filter || "nothing"}` }, new Option("all", ""));
    if (filterColumn >= 0) {
      for (const value of new Set(rows.map((row) => row[filterColumn]))) filter.append(new Option(value, value));
      tools.append(filter);
    }
    const sorter = element("select", { class: "sorter", "aria-label": `Sort ${name} by` }, new Option("sort by …", ""),
      ...columns.map((column, index) => new Option(column, index)));
    sorter.addEventListener("change", () => { if (sorter.value) sort(Number(sorter.value)); });
    tools.append(sorter);
    const status = element("span", { class: "note", role: "status" });
    tools.append(status);
    const body = element("tbody");
    const heads = columns.map((column, index) => {
      const button = element("button", { type: "button" }, column);
      button.addEventListener("click", () => sort(index));
      return element("th", { scope: "col", class: rows.every((row) => typeof row[index] === "number") ? "number" : "" }, button);
    });
    const table = element("table", {}, element("thead", {}, element("tr", {}, ...heads)), body);
    const more = element("button", { type: "button", class: "more" }, "Show more");
    place.append(tools, element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": `Table of ${name}` }, table), more);

    const texts = rows.map((row) => row.map((value, index) => shown(columns[index], value)).join("\u0001").toLocaleLowerCase(locale));
    let order = rows.map((_, index) => index);
    let sorted = [-1, 1];
    let limit = PAGE;

    const cell = (column, value) => {
      const text = shown(column, value);
      const made = element("td", { "data-label": column }, text);
      if (typeof value === "number") made.className = "number";
      if (column === "severity") made.className = value;
      if (column === "check" && data.checks[value]) {
        const about = data.checks[value];
        made.replaceChildren(element("details", {}, element("summary", {}, about.title), `${about.why} ${about.fix}`, element("br"), element("code", {}, value)));
      }
      return made;
    };

    const draw = () => {
      const words = search.value.toLocaleLowerCase(locale).split(/\s+/).filter(Boolean);
      const found = order.filter((index) => words.every((word) => texts[index].includes(word))
        && (!filter.value || rows[index][filterColumn] === filter.value));
      body.replaceChildren(...found.slice(0, limit).map((index) =>
        element("tr", {}, ...rows[index].map((value, position) => cell(columns[position], value)))));
      more.hidden = found.length <= limit;
      const left = total > rows.length ? ` The first ${numbers.format(rows.length)} of ${numbers.format(total)} are in this page.` : "";
      status.textContent = `${numbers.format(found.length)} of ${numbers.format(total)}.${left}`;
    };

    const sort = (index) => {
      const direction = sorted[0] === index ? -sorted[1] : 1;
      sorted = [index, direction];
      order = [...order].sort((one, other) => direction * compare(columns[index], rows[one][index], rows[other][index]));
      heads.forEach((head, position) => position === index
        ? head.setAttribute("aria-sort", direction > 0 ? "ascending" : "descending") : head.removeAttribute("aria-sort"));
      draw();
    };

    search.addEventListener("input", () => { limit = PAGE; draw(); });
    filter.addEventListener("change", () => { limit = PAGE; draw(); });
    more.addEventListener("click", () => { limit += 4 * PAGE; draw(); });
    addEventListener("beforeprint", () => { limit = rows.length; draw(); });
    draw();
  };

  for (const time of document.querySelectorAll("[data-date]")) time.textContent = dates.format(new Date(time.dateTime));
  for (const number of document.querySelectorAll("[data-number]")) number.textContent = numbers.format(Number(number.textContent));
  for (const place of document.querySelectorAll("[data-table]")) show(place);
})();
