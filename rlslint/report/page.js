"use strict";
(() => {
  const plans = JSON.parse(document.getElementById("plans").textContent);
  const field = (id) => document.getElementById(id);
  const panel = field("plan");
  let opener = null;

  // text only, never markup: names in a schema may hold anything
  const element = (tag, text, ...children) => {
    const made = document.createElement(tag);
    if (text) made.textContent = text;
    made.append(...children);
    return made;
  };

  const scan = (one) => {
    const indexes = one.indexes || (one.index ? [one.index] : []);
    return one.method.replaceAll("_", " ") + (indexes.length ? " using " + indexes.join(", ") : "");
  };

  const show = (button) => {
    const [plan, reason] = plans[Number(button.dataset.plan)];
    const list = element("ul");
    if (plan.error) list.append(element("li", "fails with " + plan.error + (reason ? ": " + reason : "")));
    else if (plan.scan.method !== "none") list.append(element("li", scan(plan.scan) + " on " + plan.table));
    for (const one of plan.subqueries) {
      const tables = element("ul");
      for (const relation of one.relations) {
        tables.append(element("li", scan(relation) + " on " + (relation.schema ? relation.schema + "." : "") + relation.table));
      }
      list.append(element("li", one.evaluation.replaceAll("_", " ") + " in policy \u201c" + one.policy + "\u201d (" + one.clause + ")", tables));
    }
    const calls = plan.calls.map((call) => call.function + "() " + call.evaluation.replaceAll("_", " ") + " in policy \u201c" + call.policy + "\u201d");
    for (const text of new Set(calls)) list.append(element("li", text));
    for (const text of plan.assumptions) list.append(element("li", "assumes " + text));
    const title = plan.schema + "." + plan.table + ": " + plan.statement.replaceAll("_", " ") + " as " + plan.role + ", " + plan.growth;
    panel.lastElementChild.replaceChildren(element("h2", title), list);
    panel.hidden = false;
    opener = button;
  };

  const close = () => {
    panel.hidden = true;
    if (opener) opener.focus();
  };

  const filter = () => {
    const words = field("search").value.toLowerCase().split(/\s+/).filter(Boolean);
    const rule = field("rule").value;
    const severity = field("severity").value;
    let tables = 0;
    let findings = 0;
    for (const section of document.querySelectorAll("section.table")) {
      const name = section.dataset.name.toLowerCase();
      const own = words.every((word) => section.textContent.toLowerCase().includes(word));
      let held = 0;
      for (const finding of section.querySelectorAll("details.finding")) {
        const text = (name + " " + finding.dataset.words).toLowerCase();
        const fits = (!rule || finding.dataset.rule === rule) && (!severity || finding.dataset.severity === severity)
          && words.every((word) => text.includes(word));
        finding.hidden = !fits;
        held += fits ? 1 : 0;
      }
      const narrowed = rule || severity || field("found").checked;
      section.hidden = held === 0 && (narrowed || !own);
      tables += section.hidden ? 0 : 1;
      findings += section.hidden ? 0 : held;
    }
    field("nothing").hidden = tables > 0;
    field("shown").textContent = findings + " findings, " + tables + " tables shown";
  };

  for (const id of ["search", "rule", "severity", "found"]) field(id).addEventListener("input", filter);
  field("filters").addEventListener("submit", (event) => event.preventDefault());
  field("close").addEventListener("click", close);
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !panel.hidden) close();
  });
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-plan]");
    if (button) show(button);
  });
  // arrows walk over the grid
  document.addEventListener("keydown", (event) => {
    const cell = event.target.closest ? event.target.closest("td") : null;
    const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    if (!cell || !step) return;
    const rows = [...cell.closest("tbody").rows];
    const row = rows[rows.indexOf(cell.parentElement) + step[0]];
    const next = row && row.cells[cell.cellIndex + step[1]];
    const button = next && next.querySelector("button");
    if (button) {
      button.focus();
      event.preventDefault();
    }
  });
  filter();
})();
