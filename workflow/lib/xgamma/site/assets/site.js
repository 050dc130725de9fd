// The front page: Bokeh draws the map, DataTables serves the table; this joins them.
// Without it, the table and a still map are there.
"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const data = JSON.parse(byId("map-data").textContent);
  const $ = window.jQuery;

  // the table
  const filters = byId("filters");
  filters.hidden = false;
  const number = (id) => {
    const value = byId(id).value.trim();
    return value === "" || Number.isNaN(Number(value)) ? null : Number(value);
  };
  const column = { klass: 2, state: 3, p: 4, b: 8, flux: 9 };
  const raw = (settings, row, index) => {
    const cell = settings.aoData[row].anCells[index];
    const value = cell.dataset.order ?? cell.textContent;
    return value === "" || value === "–" ? Number.NaN : Number(value);
  };
  $.fn.dataTable.ext.search.push((settings, texts, row) => {
    const state = byId("of-state").value;
    const klass = byId("of-class");
    const [leastP, mostB, leastFlux] = ["least-p", "most-b", "least-flux"].map(number);
    const cells = settings.aoData[row].anCells;
    if (state && cells[column.state].textContent !== state) return false;
    if (klass.selectedIndex > 0 && cells[column.klass].textContent !== klass.value) return false;
    if (leastP !== null && !(raw(settings, row, column.p) >= leastP)) return false;
    if (mostB !== null && !(Math.abs(raw(settings, row, column.b)) <= mostB)) return false;
    return leastFlux === null || raw(settings, row, column.flux) >= leastFlux;
  });
  // Text of a cell, or its number. Text that a spreadsheet would compute has an apostrophe in
  // front, as in the CSV tables of a run.
  const plain = (value, row, index, cell) => {
    if (cell.dataset.order !== undefined) return cell.dataset.order;
    const text = cell.textContent;
    return /^[=+\-@\t\r]/.test(text) && Number.isNaN(Number(text)) ? `'${text}` : text;
  };
  const table = $("#sources").DataTable({
    order: [],
    pageLength: 25,
    lengthMenu: [25, 100, 500, { label: "all", value: -1 }],
    autoWidth: false,
    // identifiers are no numbers
    columnDefs: [{ targets: 6, type: "string" }],
    stateSave: true,
    stateDuration: -1,
    language: { search: "any name:", lengthMenu: "_MENU_ a page", info: "_START_ to _END_ of _TOTAL_" },
    layout: {
      topStart: "search",
      topEnd: {
        buttons: [{
          extend: "csv", text: "download these as CSV", filename: "xgamma_sources",
          exportOptions: { orthogonal: "sort", format: { body: plain } },
        }],
      },
      bottomStart: ["pageLength", "info"],
      bottomEnd: "paging",
    },
  });
  filters.addEventListener("input", () => table.draw());
  filters.addEventListener("submit", (event) => event.preventDefault());
  filters.addEventListener("reset", () => setTimeout(() => table.draw()));

  // what is picked, in both
  let picked = null;
  const show = (row, jump) => {
    if (picked !== null) table.row(`#s${picked}`).node().classList.remove("picked");
    picked = row;
    const node = table.row(`#s${row}`).node();
    node.classList.add("picked");
    const [name, , , state, p] = node.cells;
    const words = byId("picked");
    words.replaceChildren(`Picked: ${name.textContent}, ${state.textContent}, P ${p.textContent}. `);
    const link = name.querySelector("a");
    if (link) {
      const open = document.createElement("a");
      open.href = link.href;
      open.textContent = "Open its page";
      words.append(open);
    }
    if (jump) {
      const place = table.rows({ search: "applied", order: "applied" }).indexes()
        .indexOf(table.row(`#s${row}`).index());
      const length = table.page.len();
      if (place >= 0 && length > 0) table.page(Math.floor(place / length)).draw("page");
    }
  };

  // the map
  const target = byId("map");
  const still = [...target.childNodes];
  const drawn = async () => {
    const [view] = Object.values((await Bokeh.embed.embed_item(data, target)).roots ?? {});
    for (const node of still) node.remove();
    const plot = Bokeh.documents[Bokeh.documents.length - 1].roots()[0];
    const layers = new Map(plot.renderers.map((one) => [one.name, one]));
    byId("layers").hidden = false;
    for (const box of document.querySelectorAll("#layers input")) {
      const set = () => { layers.get(box.dataset.layer).visible = box.checked; };
      box.addEventListener("change", set);
      set();
    }
    const marks = [...layers.values()].filter((layer) => layer.data_source.data.row);
    const pick = (row) => {
      for (const layer of marks) {
        const index = [...layer.data_source.data.row].indexOf(row);
        layer.data_source.selected.indices = index < 0 ? [] : [index];
      }
    };
    // a tap means the nearest mark, if there is one within a finger's breadth
    plot.on_event("tap", (event) => {
      const wide = plot.inner_width / Math.abs(plot.x_range.end - plot.x_range.start);
      const high = plot.inner_height / Math.abs(plot.y_range.end - plot.y_range.start);
      let nearest = null;
      let least = 20;
      for (const layer of marks) {
        if (!layer.visible) continue;
        const { l, b, row } = layer.data_source.data;
        for (let index = 0; index < row.length; index += 1) {
          const apart = Math.hypot((l[index] - event.x) * wide, (b[index] - event.y) * high);
          if (apart < least) { least = apart; nearest = row[index]; }
        }
      }
      if (nearest === null) return;
      pick(nearest);
      show(nearest, true);
    });
    const fromTable = (event) => {
      const line = event.target.closest("tbody tr[id]");
      if (!line) return;
      const row = Number(line.id.slice(1));
      if (row !== picked) { show(row, false); pick(row); }
    };
    byId("sources").addEventListener("click", fromTable);
    byId("sources").addEventListener("focusin", fromTable);
    const dark = window.matchMedia("(prefers-color-scheme: dark)");
    const colour = () => {
      const ink = dark.matches ? "#d0d0d0" : "#444444";
      for (const axis of [...plot.below, ...plot.left]) {
        axis.setv({
          axis_label_text_color: ink, major_label_text_color: ink, axis_line_color: ink,
          major_tick_line_color: ink, minor_tick_line_color: ink,
        });
      }
      layers.get("observed, nothing found").glyph.setv({ line_color: ink, fill_color: ink });
    };
    dark.addEventListener("change", colour);
    colour();
    target.dataset.ready = "yes";
    return view;
  };
  if (window.Bokeh) drawn();
})();
