// The script of the page that grade --html writes. Everything of a guest is set as text, never as HTML.
'use strict';
(() => {
  const data = JSON.parse(document.getElementById('data').textContent);
  const table = document.getElementById('students');
  const body = table.tBodies[0];
  const rows = [...body.rows];
  /** Rows of open students, by their number. */
  const opened = new Map();

  /** An element with a class and children, which are elements or text. */
  function make(name, className, ...children) {
    const element = document.createElement(name);
    if (className !== '') element.className = className;
    element.append(...children);
    return element;
  }

  const verdict = (name) => make('span', `verdict v-${name.toLowerCase()}`, name);
  const bytes = (count) => (count < 10_000 ? `${count} bytes` : `${Math.round(count / 1024)} KiB`);

  function side(title, pieces, kind, isCut, size) {
    const text = make('pre', '');
    for (const [pieceKind, piece] of pieces) {
      if (pieceKind === 0) text.append(piece);
      else if (pieceKind === kind) text.append(make(kind === 1 ? 'del' : 'ins', '', piece));
    }
    if (text.textContent === '') text.append(make('span', 'empty', 'nothing'));
    if (isCut) text.append(make('span', 'empty', '\n... shortened'));
    return make('div', 'side', make('div', '', `${title}, ${bytes(size)}`), text);
  }

  function excerpt(x) {
    const place = x.fromLine > 1 ? ` from line ${x.fromLine}` : '';
    const sides = make('div', 'sides');
    if (x.expectedBytes + x.gotBytes > 0) {
      sides.append(
        side(`expected${place}`, x.pieces, 1, x.expectedIsCut, x.expectedBytes),
        side(`got${place}`, x.pieces, 2, x.gotIsCut, x.gotBytes),
      );
    }
    if (x.stderr !== '')
      sides.append(
        make('div', 'side', make('div', '', 'standard error, its end'), make('pre', '', x.stderr)),
      );
    return sides;
  }

  function conversation(said) {
    const lines = said.map(([from, text]) =>
      make('tr', '', make('td', 'empty', from), make('td', '', make('pre', '', text))),
    );
    return listOf('said', ['', 'conversation'], lines);
  }

  function message(title, text) {
    return make('div', 'side', make('div', '', title), make('pre', '', text));
  }

  /** What a test has beyond its line; null for nothing. */
  function details(test) {
    const parts = [
      ...(test.said === undefined ? [] : [conversation(test.said)]),
      ...(test.x === undefined ? [] : [excerpt(test.x)]),
      ...(test.team === undefined ? [] : [message('message of the validator', test.team)]),
      ...(test.judge === undefined ? [] : [message('message of the validator for judges', test.judge)]),
    ];
    return parts.length === 0 ? null : make('div', '', ...parts);
  }

  function testRows(test) {
    const reason = [
      test.r ?? '',
      ...(test.unreliable === undefined ? [] : [` (unreliable: ${test.unreliable})`]),
    ];
    const cells = [
      test.t,
      verdict(test.v),
      `${test.ms} ms`,
      `${(test.kib / 1024).toFixed(1)} MiB`,
      reason.join(''),
    ];
    const line = make(
      'tr',
      '',
      ...cells.map((cell, n) => make('td', n === 2 || n === 3 ? 'number' : '', cell)),
    );
    const more = details(test);
    if (more === null) return [line];
    const cell = make('td', '', more);
    cell.colSpan = cells.length;
    return [line, make('tr', '', cell)];
  }

  function listOf(className, heads, lines) {
    const head = make('thead', '', make('tr', '', ...heads.map((text) => make('th', '', text))));
    return make('table', className, head, make('tbody', '', ...lines));
  }

  function testTable(tests) {
    return listOf('tests', ['test', 'verdict', 'CPU', 'memory', 'reason'], tests.flatMap(testRows));
  }

  /** Passed tests are many and say little: they are listed when they are asked for. */
  function tests(cell) {
    const failed = cell.tests.filter((test) => test.v !== 'AC');
    const passed = cell.tests.filter((test) => test.v === 'AC');
    const parts = failed.length === 0 ? [] : [testTable(failed)];
    if (passed.length > 0) {
      const list = make('details', 'passed', make('summary', '', `${passed.length} passed`));
      list.addEventListener('toggle', () => list.append(testTable(passed)), { once: true });
      parts.push(list);
    }
    const missing = cell.total - cell.tests.length;
    if (missing > 0)
      parts.push(make('p', 'empty', `${missing} of ${cell.total} tests did not run or are not listed.`));
    return parts;
  }

  function groups(cell) {
    if (cell.groups.length === 0) return [];
    const lines = cell.groups.map(([name, result, points]) =>
      make(
        'tr',
        '',
        make('td', '', name),
        make('td', '', result === '-' ? '-' : verdict(result)),
        make('td', 'number', points),
      ),
    );
    return [listOf('groups', ['group', 'verdict', 'points'], lines)];
  }

  function card(cell, n) {
    const { name, limitMs } = data.problems[n];
    const points = cell.points === '' ? '' : ` ${cell.points} points,`;
    const title = make('h3', '', `${name} `, verdict(cell.verdict));
    const notes = [
      `${cell.label}:${points} ${cell.passed} of ${cell.total} tests passed`,
      ...(cell.fault === undefined ? [] : [cell.fault]),
      ...(cell.expected === undefined ? [] : [`expected ${cell.expected}`]),
      ...(cell.close === undefined
        ? []
        : [`close to the time limit of ${limitMs / 1000} s: another host may find it too slow`]),
    ];
    return make(
      'div',
      'card',
      title,
      ...notes.map((note) => make('p', 'facts', note)),
      ...groups(cell),
      ...tests(cell),
    );
  }

  function toggle(row) {
    const index = Number(row.dataset.row);
    const button = row.querySelector('.open');
    const open = opened.get(index);
    button.setAttribute('aria-expanded', String(open === undefined));
    if (open !== undefined) {
      open.remove();
      opened.delete(index);
      return;
    }
    const cards = data.students[index].cells.flatMap((cell, n) => (cell === null ? [] : [card(cell, n)]));
    const cell = make('td', '', ...cards);
    cell.colSpan = row.cells.length;
    const below = make('tr', 'opened', cell);
    opened.set(index, below);
    row.after(below);
  }

  body.addEventListener('click', (event) => {
    const button = event.target.closest('.open');
    if (button !== null) toggle(button.closest('tr'));
  });

  const search = document.getElementById('search');
  const verdicts = document.getElementById('verdict');
  const problems = document.getElementById('problem');
  const shown = document.getElementById('shown');

  function option(select, value, text) {
    const element = make('option', '', text);
    element.value = value;
    select.append(element);
  }

  function isShown({ name, cells }) {
    if (!name.toLowerCase().includes(search.value.trim().toLowerCase())) return false;
    const looked = problems.value === '' ? cells : [cells[Number(problems.value)]];
    if (verdicts.value === '') return problems.value === '' || looked[0] !== null;
    return looked.some((cell) => (cell?.verdict ?? 'missing') === verdicts.value);
  }

  function filter() {
    let count = 0;
    for (const row of rows) {
      const index = Number(row.dataset.row);
      row.hidden = !isShown(data.students[index]);
      const below = opened.get(index);
      if (below !== undefined) below.hidden = row.hidden;
      if (!row.hidden) count++;
    }
    shown.textContent = `${count} of ${rows.length}`;
  }

  const found = new Set(
    data.students.flatMap(({ cells }) => cells.map((cell) => cell?.verdict ?? 'missing')),
  );
  for (const name of [...found].sort((a, b) => (a < b ? -1 : 1))) option(verdicts, name, name);
  for (const [n, { name }] of data.problems.entries()) option(problems, String(n), name);
  if (data.problems.length < 2) problems.parentElement.hidden = true;
  for (const field of [search, verdicts, problems]) field.addEventListener('input', filter);

  /** What a column is sorted by. */
  function keyOf(row, column) {
    const { name, cells } = data.students[Number(row.dataset.row)];
    if (column === 0) return name;
    const cell = cells[column - 1];
    if (column > cells.length) return Number(row.cells[column].textContent);
    if (cell === null || cell === undefined) return -1;
    return cell.points === '' ? cell.passed / Math.max(1, cell.total) : Number.parseFloat(cell.points);
  }

  const names = new Intl.Collator(undefined, { numeric: true });
  const compare = (a, b) => (typeof a === 'string' ? names.compare(a, b) : a - b);

  function sort(head) {
    const column = Number(head.querySelector('.sort').dataset.column);
    const before = head.getAttribute('aria-sort');
    // Names begin with the first, points with the most.
    const isUp = before === null ? column === 0 : before === 'descending';
    for (const other of head.parentElement.cells) other.removeAttribute('aria-sort');
    head.setAttribute('aria-sort', isUp ? 'ascending' : 'descending');
    const keyed = rows.map((row) => ({ row, key: keyOf(row, column) }));
    keyed.sort((a, b) => (isUp ? compare(a.key, b.key) : compare(b.key, a.key)));
    const pieces = document.createDocumentFragment();
    for (const { row } of keyed) {
      pieces.append(row);
      const below = opened.get(Number(row.dataset.row));
      if (below !== undefined) pieces.append(below);
    }
    body.append(pieces);
  }

  table.tHead.addEventListener('click', (event) => {
    const button = event.target.closest('.sort');
    if (button !== null) sort(button.closest('th'));
  });

  /** A link to the page may name a student, as #alice, who alone is shown and opened then. */
  function openLinked() {
    let name = '';
    try {
      name = decodeURIComponent(location.hash.slice(1));
    } catch {
      return;
    }
    const index = name === '' ? -1 : data.students.findIndex((student) => student.name === name);
    const row = rows.find((one) => Number(one.dataset.row) === index);
    if (row === undefined) return;
    search.value = name;
    filter();
    toggle(row);
    row.scrollIntoView();
  }

  document.getElementById('filters').hidden = false;
  filter();
  openLinked();
})();
