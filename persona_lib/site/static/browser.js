/* The browser of personas and pairs. What models wrote is data: it is only ever set as text (textContent). */
(function () {
  "use strict";
  var started = performance.now();
  var PAGE = 50, LONGEST_DIFF = 1500;
  var data = compendium.index, form = document.getElementById("ask"), limit = PAGE;
  var list = document.getElementById("pairs"), detail = document.getElementById("detail");
  var count = document.getElementById("count"), more = document.getElementById("more");
  var fieldOf = {}, first = [], seen = {};
  data.fields.forEach(function (field, i) { fieldOf[field[0]] = i; });
  data.pairs.forEach(function (pair, i) {  // the place of each pair among those of its persona
    seen[pair[0]] = (seen[pair[0]] || 0);
    first[i] = seen[pair[0]]++;
  });
  function valueOf(person, name) { return data.values[fieldOf[name]][data.personas[person][2][fieldOf[name]]]; }
  function idOf(pair) { return data.personas[pair[0]][0] + "." + data.prompts[pair[1]][0]; }
  var byId = {};
  data.pairs.forEach(function (pair, i) { byId[idOf(pair)] = i; });
  var personWords = data.personas.map(function (person) {
    return [person[0]].concat(person[2].map(function (value, i) { return data.values[i][value]; })).join("\n").toLowerCase();
  });
  var promptWords = data.prompts.map(function (prompt) { return prompt.join("\n").toLowerCase(); });

  function make(tag, text, className) {
    var node = document.createElement(tag);
    if (text !== undefined) node.textContent = text;
    if (className) node.className = className;
    return node;
  }
  function fill(name, values, chosen) {
    var select = form.elements[name];
    while (select.options.length > 1) select.remove(1);
    values.forEach(function (value) {
      var option = make("option", value[1]);
      option.value = value[0];
      select.appendChild(option);
    });
    select.value = chosen || "";
  }
  function plain(values) { return values.map(function (value) { return [value, value.replace(/_/g, " ")]; }); }
  function fillValues(attribute, chosen) {
    fill("value", attribute in fieldOf ? data.values[fieldOf[attribute]].map(function (v) { return [v, v]; }) : [], chosen);
    form.elements.value.disabled = !(attribute in fieldOf);
  }
  function load(numbers, then) {  // the texts of these personas, then go on
    var missing = numbers.filter(function (number) { return !(number in compendium.texts); });
    var files = Array.from(new Set(missing.map(function (number) { return Math.floor(number / data.per_file); })));
    var left = files.length;
    if (!left) return then();
    files.forEach(function (file) {
      var script = document.createElement("script");
      script.src = "browser/" + file + ".js";
      script.onload = script.onerror = function () { if (!--left) then(); };
      document.body.appendChild(script);
    });
  }

  function wanted() {  // the numbers of the pairs that search and filters leave
    var asked = {}, terms = form.elements.q.value.toLowerCase().split(/\s+/).filter(Boolean);
    ["attribute", "value", "persona_split", "pair_split", "judged"].forEach(function (name) { asked[name] = form.elements[name].value; });
    var deep = form.elements.deep.checked && terms.length;
    var person = terms.map(function (term) { return personWords.map(function (words) { return words.indexOf(term) >= 0; }); });
    var prompt = terms.map(function (term) { return promptWords.map(function (words) { return words.indexOf(term) >= 0; }); });
    var found = [];
    data.pairs.forEach(function (pair, i) {
      if (asked.persona_split && data.personas[pair[0]][1] !== asked.persona_split) return;
      if (asked.pair_split && data.pair_splits[pair[2]] !== asked.pair_split) return;
      if (asked.judged && data.judged[pair[3]] !== asked.judged) return;
      if (asked.attribute && asked.value && valueOf(pair[0], asked.attribute) !== asked.value) return;
      var text = null;
      for (var t = 0; t < terms.length; t++) {
        if (person[t][pair[0]] || prompt[t][pair[1]]) continue;
        if (!deep) return;
        if (text === null) text = (compendium.texts[pair[0]][first[i]] || []).slice(0, 3).join("\n").toLowerCase();
        if (text.indexOf(terms[t]) < 0) return;
      }
      found.push(i);
    });
    return found;
  }
  function show() {
    if (form.elements.deep.checked && form.elements.q.value.trim()) {
      return load(data.personas.map(function (_, i) { return i; }), showFound);
    }
    showFound();
  }
  function showFound() {
    var found = wanted(), chosen = state().get("pair");
    var whole = data.n_pairs > data.pairs.length
      ? " (the run has " + data.n_pairs.toLocaleString("en") + "; of each persona the first are shown, judged ones before others)" : "";
    count.textContent = found.length.toLocaleString("en") + " of " + data.pairs.length.toLocaleString("en") + " pairs" + whole;
    list.textContent = "";
    found.slice(0, limit).forEach(function (i) {
      var pair = data.pairs[i], item = make("li"), link = make("a"), badges = make("span", undefined, "badges");
      link.href = "#" + where({ pair: idOf(pair) });
      if (idOf(pair) === chosen) link.setAttribute("aria-current", "true");
      link.appendChild(make("span", data.prompts[pair[1]][1], "prompt"));
      link.appendChild(make("span", [data.personas[pair[0]][0], valueOf(pair[0], "age_years"), valueOf(pair[0], "sex"),
        valueOf(pair[0], "race"), valueOf(pair[0], "ideology")].join(" · "), "who"));
      badges.appendChild(make("span", data.pair_splits[pair[2]].replace(/_/g, " "), "badge"));
      if (data.statuses[pair[4]] !== "ok") badges.appendChild(make("span", data.statuses[pair[4]], "badge bad"));
      link.appendChild(badges);
      item.appendChild(link);
      list.appendChild(item);
    });
    more.hidden = found.length <= limit;
    document.body.dataset.milliseconds = Math.round(performance.now() - started);
    document.body.dataset.loaded = Math.round(performance.now());
  }

  function diff(before, after) {  // words kept, removed and added, by the longest common subsequence
    var a = before.match(/\s*\S+\s*/g) || [], b = after.match(/\s*\S+\s*/g) || [], m = b.length + 1;
    function equal(i, j) { return a[i].trim() === b[j].trim(); }
    if (a.length > LONGEST_DIFF || b.length > LONGEST_DIFF) return [[["same", before]], [["same", after]]];
    var table = new Uint16Array((a.length + 1) * m), i, j;
    for (i = a.length - 1; i >= 0; i--) for (j = b.length - 1; j >= 0; j--) {
      table[i * m + j] = equal(i, j) ? table[(i + 1) * m + j + 1] + 1 : Math.max(table[(i + 1) * m + j], table[i * m + j + 1]);
    }
    var left = [], right = [];
    for (i = 0, j = 0; i < a.length || j < b.length;) {
      if (i < a.length && j < b.length && equal(i, j)) { left.push(["same", a[i++]]); right.push(["same", b[j++]]); }
      else if (j >= b.length || (i < a.length && table[(i + 1) * m + j] >= table[i * m + j + 1])) left.push(["del", a[i++]]);
      else right.push(["ins", b[j++]]);
    }
    return [left, right];
  }
  function marked(parts) {
    var node = make("p", undefined, "text"), open = null, kind = "";
    parts.forEach(function (part) {
      if (!open || part[0] !== kind) {
        kind = part[0];
        open = node.appendChild(make(kind === "same" ? "span" : kind, ""));
      }
      open.textContent += part[1];
    });
    return node;
  }
  function answer(title, parts, text) {
    var node = make("section", undefined, "answer"), n = text.split(/\s+/).filter(Boolean).length;
    var head = make("h3", title + " ");
    head.appendChild(make("small", n + " words"));
    node.appendChild(head);
    node.appendChild(text ? marked(parts) : make("p", "There is none: this step failed.", "hint"));
    return node;
  }
  function table(heads, rows) {
    var node = make("table"), head = make("tr"), scroll = make("div", undefined, "scroll");
    heads.forEach(function (each) { head.appendChild(make("th", each)); });
    node.appendChild(make("thead")).appendChild(head);
    var body = node.appendChild(make("tbody"));
    rows.forEach(function (row) {
      var line = body.appendChild(make("tr"));
      row.forEach(function (cell) { line.appendChild(make("td", String(cell).replace(/_/g, " "))); });
    });
    scroll.appendChild(node);
    return scroll;
  }
  function showPair(i) {
    var pair = data.pairs[i], person = data.personas[pair[0]], prompt = data.prompts[pair[1]];
    var entry = (compendium.texts[pair[0]] || [])[first[i]] || ["", "", "", []], parts = diff(entry[1], entry[0]);
    detail.textContent = "";
    var back = make("a", "← to the list", "back");
    back.href = "#" + where({ pair: "" });
    detail.appendChild(back);
    detail.appendChild(make("h2", prompt[1]));
    detail.appendChild(make("p", [idOf(pair), prompt[2], "persona split: " + person[1].replace(/_/g, " "),
      "pair split: " + data.pair_splits[pair[2]].replace(/_/g, " "), data.judged[pair[3]]].filter(Boolean).join(" · "), "who"));
    var both = detail.appendChild(make("div", undefined, "answers"));
    both.appendChild(answer("Rejected: without a persona", parts[0], entry[1]));
    both.appendChild(answer("Chosen: revised for the persona", parts[1], entry[0]));
    detail.appendChild(make("h3", "Critique as the persona"));
    detail.appendChild(make("p", entry[2] || "There is none: this step failed.", entry[2] ? "text critique" : "hint"));
    detail.appendChild(make("h3", "Judgements"));
    detail.appendChild(entry[3].length
      ? table(["role", "model", "persona shown", "lines shown", "order", "choice"], entry[3])
      : make("p", "This pair was not judged.", "hint"));
    var about = detail.appendChild(make("details"));
    about.open = true;
    about.appendChild(make("summary", "The persona " + person[0]));
    about.appendChild(table(["attribute", "value"], data.fields.slice(1).map(function (field, k) {
      return [field[1], data.values[k + 1][person[2][k + 1]]];
    })));
    document.title = idOf(pair) + " – personas and pairs";
  }

  function state() { return new URLSearchParams(location.hash.slice(1)); }
  function where(changes) {  // the state of the page as an address
    var params = new URLSearchParams();
    Array.prototype.forEach.call(form.elements, function (element) {
      if (element.name && element.value && (element.type !== "checkbox" || element.checked)) params.set(element.name, element.value);
    });
    var pair = "pair" in changes ? changes.pair : state().get("pair");
    if (pair) params.set("pair", pair);
    return params.toString();
  }
  function follow() {  // the page as its address says
    var params = state();
    form.elements.q.value = params.get("q") || "";
    form.elements.deep.checked = params.get("deep") === "yes";
    ["attribute", "persona_split", "pair_split", "judged"].forEach(function (name) { form.elements[name].value = params.get(name) || ""; });
    fillValues(form.elements.attribute.value, params.get("value"));
    var number = byId[params.get("pair")];
    document.getElementById("browser").classList.toggle("reading", number !== undefined);
    if (number !== undefined) load([data.pairs[number][0]], function () { showPair(number); });
    show();
  }
  var waiting;
  function changed(event) {
    if (event.target.name === "attribute") fillValues(form.elements.attribute.value, "");
    limit = PAGE;
    clearTimeout(waiting);
    waiting = setTimeout(function () { history.replaceState(null, "", "#" + where({})); started = performance.now(); show(); }, 120);
  }
  fill("attribute", data.fields.filter(function (field) { return field[2]; }).map(function (field) { return [field[0], field[1]]; }));
  fill("persona_split", plain(Array.from(new Set(data.personas.map(function (person) { return person[1]; }))).sort()));
  fill("pair_split", plain(data.pair_splits));
  fill("judged", plain(data.judged));
  form.addEventListener("input", changed);
  form.addEventListener("submit", function (event) { event.preventDefault(); });
  more.addEventListener("click", function () { limit += PAGE; showFound(); });
  window.addEventListener("hashchange", function () { started = performance.now(); follow(); });
  follow();
})();
