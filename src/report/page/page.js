
'use strict';
(() => {
const data = JSON.parse(document.getElementById('data').textContent);
const $ = id => document.getElementById(id);
const SVG = 'http://www.w3.org/2000/svg';
const last = data.snapshots.length - 1;
const several = last > 0;

/* Text from the process is only ever put in as text. */
function make(tag, props, ...children) {
	const node = document.createElement(tag);
	for (const [key, value] of Object.entries(props || {})) {
		if (key === 'class') node.className = value;
		else if (key === 'click') node.addEventListener('click', value);
		else node.setAttribute(key, value);
	}
	node.append(...children.filter(child => child !== null && child !== undefined));
	return node;
}

function draw(tag, props, ...children) {
	const node = document.createElementNS(SVG, tag);
	for (const [key, value] of Object.entries(props || {})) node.setAttribute(key, value);
	node.append(...children);
	return node;
}

const count = n => n.toLocaleString('en');

function bytes(n, digits = 1) {
	const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
	let i = 0, value = Math.abs(n);
	while (value >= 1023.95 && i + 1 < units.length) { value /= 1024; i++; }
	return (n < 0 ? '\u2212' : '') + value.toFixed(i ? digits : 0) + '\u00a0' + units[i];
}

const signed = (n, show) => n > 0 ? '+' + show(n) : n < 0 ? '\u2212' + show(-n) : '0';
const share = n => data.total ? (100 * n / data.total).toFixed(1) + '\u00a0%' : '';
const many = (n, one, more) => `${count(n)} ${n === 1 ? one : more}`;
const time = ms => new Date(ms).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'medium' });
const short = type => type.replace(/^builtins\./, '');

function duration(ms) {
	if (ms < 1000) return `${ms} ms`;
	if (ms < 120e3) return `${(ms / 1e3).toFixed(1)} s`;
	if (ms < 7200e3) return `${(ms / 60e3).toFixed(1)} min`;
	return `${(ms / 3600e3).toFixed(1)} h`;
}

function change(n, show) {
	return make('span', { class: n > 0 ? 'plus' : n < 0 ? 'minus' : '' }, signed(n, show));
}

function fillTable(table, head, rows) {
	table.append(
		make('thead', null, make('tr', null, ...head.map((text, i) =>
			make('th', { scope: 'col', class: i ? '' : 'name' }, text)))),
		make('tbody', null, ...rows));
}

/* --- head --- */

function showHead() {
	const first = data.snapshots[0], now = data.snapshots[last];
	/* Programs are known by their last names. */
	const title = data.command.replace(/(^|\s)\/\S*\//g, '$1') || (data.pid ? `process ${data.pid}` : 'reftracker report');
	document.title = `reftracker: ${title}`;
	$('title').textContent = title;
	$('about').textContent = [
		data.command !== title && data.command,
		data.pid && `process ${data.pid}`, data.host && `on ${data.host}`,
		data.python && `CPython ${data.python}`,
		several ? `${last + 1} snapshots over ${duration(now.time - first.time)}` : 'one snapshot',
		now.time && `last ${time(now.time)}`,
	].filter(Boolean).join(' \u00b7 ');
	const tiles = [
		[count(now.objects), 'objects'], [bytes(now.bytes), 'in objects'],
		now.resident && [bytes(now.resident), 'resident'],
		several && [signed(now.objects - first.objects, count), 'objects since the first snapshot'],
		several && [signed(now.bytes - first.bytes, bytes), 'bytes since the first snapshot'],
		data.leaks && [count(data.leaks.groups.length), data.leaks.groups.length === 1 ? 'suspect' : 'suspects', data.leaks.groups.length ? 'bad' : ''],
	].filter(Boolean);
	$('tiles').append(...tiles.map(([value, what, tone]) =>
		make('div', { class: `tile ${tone || ''}` }, make('b', null, value), make('span', null, what))));
	$('footer').textContent = `Made by reftracker ${data.tool}. This file loads nothing from elsewhere.`;
}

/* --- charts --- */

function points(values, width, height, pad, times) {
	const low = Math.min(...values), high = Math.max(...values), span = high - low || 1;
	const start = times[0], end = times[times.length - 1];
	return values.map((value, i) => {
		const at = end > start ? (times[i] - start) / (end - start)
			: values.length > 1 ? i / (values.length - 1) : 0.5;
		return [pad + at * (width - 2 * pad), height - pad - (value - low) / span * (height - 2 * pad)];
	});
}

const line = list => list.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(' ');

const times = data.snapshots.map(s => s.time);

function spark(values, name, label, at = times) {
	const list = points(values, 100, 24, 3, at);
	const picture = draw('svg', { viewBox: '0 0 100 24', role: 'img', 'aria-label': label },
		draw('polyline', { class: `${name}series`, points: line(list) }));
	const [x, y] = list[list.length - 1];
	picture.append(draw('circle', { class: `${name}dot`, cx: x, cy: y, r: 2.5 }));
	return picture;
}

/* Steps of 1, 2 or 5 that divide the range into some four parts. */
function ticks(low, high, base) {
	/* In units of bytes as they are shown: 1024, and not 1000, of the one below. */
	const unit = base ** Math.floor(Math.log(Math.max(high, 1)) / Math.log(base));
	const raw = ((high - low) / 4 || Math.max(high / 4, 1)) / unit, power = 10 ** Math.floor(Math.log10(raw));
	const step = [1, 2, 5, 10].find(f => f * power >= raw) * power * unit, list = [];
	for (let at = Math.floor(low / step) * step; at <= high + step * 0.999; at += step) list.push(at);
	return list;
}

/* As few digits as tell them apart. */
function labels(marks, show) {
	for (let digits = 1; ; digits++) {
		const texts = marks.map(mark => show(mark, digits));
		if (digits === 6 || new Set(texts).size === texts.length) return texts;
	}
}

function chart(title, values, show, base) {
	const width = 520, height = 200, left = 74, right = 14, top = 12, bottom = 26;
	const marks = ticks(Math.min(...values), Math.max(...values), base);
	const low = marks[0], high = marks[marks.length - 1];
	const start = data.snapshots[0].time, range = data.snapshots[last].time - start || 1;
	const x = i => left + (data.snapshots[i].time - start) / range * (width - left - right);
	const y = value => height - bottom - (value - low) / (high - low || 1) * (height - top - bottom);
	const picture = draw('svg', {
		viewBox: `0 0 ${width} ${height}`, role: 'img',
		'aria-label': `${title}: from ${show(values[0])} to ${show(values[last])}`,
	});
	const texts = labels(marks, show);
	marks.forEach((mark, i) => {
		picture.append(draw('line', { class: 'grid', x1: left, x2: width - right, y1: y(mark), y2: y(mark) }));
		picture.append(draw('text', { x: left - 8, y: y(mark) + 4, 'text-anchor': 'end' }, texts[i]));
	});
	picture.append(draw('text', { x: left, y: height - 6 }, '0 s'));
	picture.append(draw('text', { x: width - right, y: height - 6, 'text-anchor': 'end' }, duration(range)));
	picture.append(draw('polyline', { class: 'series', points: line(values.map((v, i) => [x(i), y(v)])) }));
	values.forEach((value, i) => picture.append(
		draw('circle', { class: 'dot', cx: x(i), cy: y(value), r: 3.5 },
			draw('title', null, `${data.snapshots[i].name}: ${show(value)}`))));
	return make('figure', { class: 'chart' }, make('figcaption', { class: 'note' }, low > 0 ? `${title} (from ${texts[0]}, not from 0)` : title), picture);
}

function showGrowth() {
	if (several) {
		$('charts').append(
			chart('Objects', data.snapshots.map(s => s.objects), count, 1000),
			chart('Bytes in objects', data.snapshots.map(s => s.bytes), bytes, 1024));
	}
	const head = ['Snapshot', 'Objects', 'Bytes', 'Resident', 'Pause', 'Time'];
	if (several) head.splice(2, 0, 'Change');
	const rows = data.snapshots.map((s, i) => {
		const cells = [
			make('td', { class: 'name mono' }, s.name || '\u2014'),
			make('td', null, count(s.objects)),
			make('td', null, bytes(s.bytes)), make('td', null, s.resident ? bytes(s.resident) : ''),
			make('td', null, (s.pause / 1000).toFixed(1) + '\u00a0ms'),
			make('td', null, s.time ? time(s.time) : ''),
		];
		if (several)
			cells.splice(2, 0, make('td', null, i ? change(s.objects - data.snapshots[i - 1].objects, count) : ''));
		return make('tr', null, ...cells);
	});
	fillTable($('snapshot-table'), head, rows);
}

/* --- suspects --- */

function showSuspect(group) {
	const from = group.growth[0], to = group.growth[group.growth.length - 1];
	const types = group.types.slice(0, 8).map(t =>
		make('li', null, make('span', { class: 'mono' }, short(t.type)), ` \u00d7 ${count(t.count)}, ${bytes(t.size)}`));
	if (group.types.length > 8) types.push(make('li', null, many(group.types.length - 8, 'more type', 'more types')));
	return make('article', { class: 'suspect' },
		make('h3', null, make('code', null, group.path)),
		make('p', null, group.sentence + '.'),
		make('p', { class: 'note' },
			`${many(group.count, 'object', 'objects')}, ${bytes(group.retained)} retained`),
		make('details', null, make('summary', null, 'Types and samples'),
			make('ul', null, ...types),
			make('p', { class: 'mono' }, group.samples.join(' '))),
		make('figure', null,
			spark(group.growth, 'bad-', `objects there: ${group.growth.map(count).join(', ')}`,
				times.filter((_, i) => data.leaks.snapshots[i].used)),
			make('figcaption', null, `objects there: ${count(from)} \u2192 ${count(to)}`)));
}

/* Less than a suspect: nothing stays there, but there is more of it each time, or it is larger. */
function showReplaced(list, replaced) {
	if (!replaced.length) return;
	list.append(make('h3', null, 'Grow, whether their objects stay or are replaced'), make('p', { class: 'note' },
		'More objects from snapshot to snapshot, or larger ones, without what stays there saying so.'));
	const table = make('table');
	const step = (values, show) => `${show(values[0])} \u2192 ${show(values[values.length - 1])}`;
	fillTable(table, ['Place', 'Objects', 'Bytes'], replaced.slice(0, 50).map(item => make('tr', null,
		make('td', { class: 'name mono' }, `${item.path} (${short(item.most.type)})`),
		make('td', null, step(item.growth, count)),
		make('td', null, step(item.sizes, bytes)))));
	list.append(make('div', { class: 'scroll' }, table));
}

/* What became larger without new objects in it, such as buffers. */
function showLarger(list, larger) {
	if (!larger.length) return;
	list.append(make('h3', null, 'Grew themselves'), make('p', { class: 'note' },
		'Larger from snapshot to snapshot, with nothing new in them that says so.'));
	const table = make('table');
	fillTable(table, ['Place', 'Objects', 'Grew by', 'Bytes now'], larger.slice(0, 50).map(item => make('tr', null,
		make('td', { class: 'name mono' }, `${item.path} (${short(item.most.type)})`),
		make('td', null, count(item.count)),
		make('td', null, change(item.size - item.before, bytes)),
		make('td', null, bytes(item.size)))));
	list.append(make('div', { class: 'scroll' }, table));
}

function showSuspects() {
	const list = $('suspect-list');
	if (!data.leaks) {
		list.append(make('p', { class: 'note' },
			'Three snapshots or more of one process are needed to say what leaks.'));
		return;
	}
	const groups = data.leaks.groups;
	if (!groups.length)
		list.append(make('p', { class: 'clean' },
			`No suspect over ${last + 1} snapshots: no place grew from each snapshot to the next and kept what came.`));
	const used = data.leaks.snapshots.flatMap((s, i) => s.used ? [i + 1] : []);
	if (used.length <= last)
		list.append(make('p', { class: 'note' },
			`From snapshots ${used.join(', ')}, for longer steps: all of them together show no suspect.`));
	list.append(...groups.slice(0, 50).map(showSuspect));
	showReplaced(list, data.leaks.replaced);
	showLarger(list, data.leaks.larger);
	const rest = data.leaks.not_explained;
	if (rest && rest.count)
		list.append(make('p', { class: 'note' },
			`${many(rest.count, 'object', 'objects')} (${bytes(rest.size)}) ${rest.count === 1 ? 'persists and belongs' : 'persist and belong'} to no suspect: set up once, with a limit, or little.`));
}

/* --- what keeps memory alive --- */

const ROOT = { what: 'everything', place: '', objects: 0, own: 0, children: [], parent: null };
const kinds = {
	module: ['module', 'modules'], container: ['container', 'dicts, lists, tuples, sets'],
	instance: ['instance', 'instances'], code: ['code', 'types, functions, code'],
	text: ['text', 'strings, numbers'], thread: ['thread', 'threads'], group: ['group', 'many together'],
};
const known = {
	module: 'module', dict: 'container', list: 'container', tuple: 'container', set: 'container',
	frozenset: 'container', mappingproxy: 'container', function: 'code', method: 'code',
	builtin_function_or_method: 'code', code: 'code', cell: 'code', type: 'code', str: 'text', bytes: 'text',
	bytearray: 'text', int: 'text', float: 'text',
};

function kindOf(node, address) {
	if (!address && node.objects === 1 && node.what) return node.own ? 'group' : 'thread';
	if (!address) return 'group';
	return node.what.startsWith('builtins.') && known[short(node.what)] || 'instance';
}

function buildTree() {
	const nodes = data.tree.map(([, what, place, objects, own, retained, address]) => {
		const node = { what, place, objects, own, retained, address, children: [] };
		node.kind = kindOf(node, address);
		return node;
	});
	data.tree.forEach(([parent], i) => {
		nodes[i].parent = parent < 0 ? ROOT : nodes[parent];
		nodes[i].parent.children.push(nodes[i]);
	});
	ROOT.retained = data.total;
	for (const node of [ROOT, ...nodes]) node.children.sort((a, b) => b.retained - a.retained);
}

function label(node) {
	if (node === ROOT) return 'everything';
	if (node.kind === 'thread') return node.what;
	if (node.kind === 'group') return node.what ? `${short(node.what)} \u00d7 ${count(node.objects)}` : `(${count(node.objects)} more)`;
	return node.place || short(node.what);
}

/* app.CACHE, then ['k'] below it: one after the other. A place that begins anew stands alone. */
function fullPlace(node) {
	let text = '';
	for (let at = node; at && at !== ROOT && at.place; at = at.parent) {
		text = at.place + text;
		if (!/^[.[]/.test(at.place)) break;
	}
	return text;
}

function describe(node) {
	const parts = [];
	if (node === ROOT) parts.push(`everything: ${bytes(node.retained)}`);
	else {
		if (node.kind !== 'group' && node.kind !== 'thread') parts.push(short(node.what), fullPlace(node));
		else parts.push(label(node));
		parts.push(`keeps ${bytes(node.retained)} alive (${share(node.retained)})`, `its own bytes ${bytes(node.own)}`);
		if (node.address) parts.push(node.address);
	}
	return parts.filter(Boolean).join(' \u00b7 ');
}

let focus = ROOT;

function go(node, keep) {
	focus = node;
	showCrumbs();
	showIcicle();
	showKept();
	$('cell-about').textContent = describe(node);
	if (keep) $(keep)?.focus();
}

function showCrumbs() {
	const way = [];
	for (let node = focus; node; node = node.parent) way.unshift(node);
	$('crumbs').replaceChildren(...way.map((node, i) =>
		i + 1 < way.length ? make('button', { type: 'button', class: 'link', click: () => go(node) }, label(node))
			: make('span', { 'aria-current': 'location' }, make('b', null, label(node)))));
}

const LEVELS = 7, ROW = 32, LEAST = 0.35;

const fits = (box, width) => box.clientWidth * width / 100 > 26;

function place(box, cell, left, width, level) {
	cell.style.left = `${left}%`;
	cell.style.width = `${width}%`;
	cell.style.top = `${level * ROW}px`;
	box.append(cell);
}

function addCells(box, node, left, width, level) {
	if (level >= LEVELS) return level;
	const cell = make('button', {
		type: 'button', class: `cell ${node.kind || 'group'}`, title: describe(node),
		click: () => go(node.children.length ? node : node.parent || ROOT, 'crumbs'),
	}, fits(box, width) ? label(node) : '');
	cell.setAttribute('aria-label', `${label(node)}, ${bytes(node.retained)}`);
	cell.addEventListener('focus', () => { $('cell-about').textContent = describe(node); });
	cell.addEventListener('mouseenter', () => { $('cell-about').textContent = describe(node); });
	place(box, cell, left, width, level);
	let deepest = level + 1, at = left, small = 0, smaller = 0;
	for (const child of node.children) {
		const part = node.retained ? width * child.retained / node.retained : 0;
		if (part < LEAST) { small += part; smaller++; continue; }
		deepest = Math.max(deepest, addCells(box, child, at, part, level + 1));
		at += part;
	}
	if (small >= LEAST && level + 1 < LEVELS) {
		const text = many(smaller, 'smaller cell', 'smaller cells');
		place(box, make('div', { class: 'cell group', title: text }, fits(box, small) ? text : ''), at, small, level + 1);
		deepest = Math.max(deepest, level + 2);
	}
	return deepest;
}

function showIcicle() {
	const box = $('icicle');
	box.replaceChildren();
	box.style.height = `${addCells(box, focus, 0, 100, 0) * ROW}px`;
}

const FIRST_CHILDREN = 12;

function showKept() {
	const rest = focus.children.slice(FIRST_CHILDREN);
	const rows = focus.children.slice(0, FIRST_CHILDREN).map(node => make('tr', null,
		make('td', { class: 'name' },
			node.children.length ? make('button', { type: 'button', class: 'link', click: () => go(node, 'kept-table') }, label(node)) : label(node),
			node.kind !== 'group' && node.kind !== 'thread' && node.place ? make('span', { class: 'note' }, ` ${short(node.what)}`) : ''),
		make('td', null, count(node.objects)), make('td', null, bytes(node.own)),
		make('td', null, bytes(node.retained)), make('td', null, share(node.retained))));
	if (rest.length) {
		const sum = key => rest.reduce((all, node) => all + node[key], 0);
		rows.push(make('tr', { class: 'note' }, make('td', { class: 'name' }, `${many(rest.length, 'row', 'rows')} more`),
			make('td', null, count(sum('objects'))), make('td', null, bytes(sum('own'))),
			make('td', null, bytes(sum('retained'))), make('td', null, share(sum('retained')))));
	}
	const table = $('kept-table');
	table.replaceChildren(
		make('caption', null, `Directly below: ${label(focus)}, ${bytes(focus.retained)}`),
		make('thead', null, make('tr', null, ...['What', 'Objects', 'Own bytes', 'Keeps alive', 'Of all'].map((text, i) =>
			make('th', { scope: 'col', class: i ? '' : 'name' }, text)))),
		make('tbody', null, ...rows));
	table.tabIndex = -1;
}

function showTree() {
	buildTree();
	$('crumbs').tabIndex = -1;
	$('kept-note').textContent = 'The last snapshot. Each cell would be free, with all below it, if it were gone; its width is the bytes ' +
		`that it keeps alive. What keeps less than ${bytes(data.threshold)} alive is put together by type.` +
		(data.unreached ? ` No root was found for ${bytes(data.unreached)}.` : '');
	$('legend').replaceChildren(...Object.values(kinds).map(([name, text]) =>
		make('span', null, make('i', { class: name, 'aria-hidden': 'true' }), text)));
	go(ROOT);
}

/* --- types --- */

const FIRST_ROWS = 25;
const columns = [
	{ title: 'Type', key: row => row[0], show: row => short(row[0]), name: true },
	{ title: 'Objects', key: row => row[1][last], show: row => count(row[1][last]) },
	{ title: 'Bytes', key: row => row[2][last], show: row => bytes(row[2][last]) },
];
if (several) {
	columns.push(
		{ title: 'Objects more', key: row => row[1][last] - row[1][0], show: row => change(row[1][last] - row[1][0], count) },
		{ title: 'Bytes more', key: row => row[2][last] - row[2][0], show: row => change(row[2][last] - row[2][0], bytes) });
}
if (last > 1)
	columns.push({ title: 'Course', show: row => row[1].some(n => n !== row[1][0]) ? spark(row[1], '', `objects: ${row[1].map(count).join(', ')}`) : '' });

let sorted = several ? 4 : 2, down = true, all = false;

function rowsShown() {
	const text = $('filter').value.trim().toLowerCase(), key = columns[sorted].key;
	const rows = data.types.filter(row => row[0].toLowerCase().includes(text));
	const order = (a, b) => a < b ? -1 : a > b ? 1 : 0;
	return rows.sort((a, b) => (down ? -1 : 1) * order(key(a), key(b)) || order(a[0], b[0]));
}

function showTypes() {
	const rows = rowsShown(), shown = all ? rows : rows.slice(0, FIRST_ROWS);
	$('type-table').tBodies[0].replaceChildren(...shown.map(row => make('tr', null, ...columns.map(column =>
		make('td', { class: column.name ? 'name mono' : '' }, column.show(row))))));
	$('type-count').textContent = many(rows.length, 'type', 'types') +
		(data.type_count > data.types.length ? ` of the ${count(data.types.length)} largest` : '');
	$('more').hidden = rows.length <= FIRST_ROWS;
	$('more').textContent = all ? `Show ${FIRST_ROWS}` : `Show all ${count(rows.length)}`;
	[...$('type-table').tHead.rows[0].cells].forEach((cell, i) => {
		if (columns[i].key) cell.setAttribute('aria-sort', i !== sorted ? 'none' : down ? 'descending' : 'ascending');
	});
}

function sortBy(i) {
	down = i === sorted ? !down : !columns[i].name;
	sorted = i;
	showTypes();
}

function startTypes() {
	$('type-table').append(
		make('thead', null, make('tr', null, ...columns.map((column, i) =>
			make('th', { scope: 'col', class: column.name ? 'name' : '' },
				column.key ? make('button', { type: 'button', click: () => sortBy(i) }, column.title) : column.title)))),
		make('tbody'));
	$('filter').addEventListener('input', showTypes);
	$('more').addEventListener('click', () => { all = !all; showTypes(); });
	showTypes();
}

showHead();
showSuspects();
showGrowth();
showTree();
startTypes();
})();
