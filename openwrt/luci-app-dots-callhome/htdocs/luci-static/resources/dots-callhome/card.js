'use strict';
'require baseclass';
'require dom';
'require dots-callhome.build as build';
'require dots-callhome.daemon as daemon';
'require dots-callhome.words as words';

const node = build.node;
const untilISay = 366 * 86400;

function keyOf(mitigation) {
	const devices = mitigation.devices || [];
	return devices.length == 0 ? '#' + mitigation.id
		: devices.map(device => device.mac || (device.addresses || []).slice().sort().join(' ')).sort().join(',');
}

/* Requests about the same devices are one question, answered once; the oldest is the one that is asked. */
function questionsOf(mitigations) {
	const questions = new Map();
	mitigations.filter(each => each.state == 'pending').sort((a, b) => a.id - b.id).forEach(each => {
		const key = keyOf(each);
		if (questions.has(key))
			questions.get(key).push(each);
		else
			questions.set(key, [ each ]);
	});
	return questions;
}

/* Device, router, stranger, and what flows between them. */
function picture(mitigation) {
	const seen = words.evidence(mitigation);
	const rate = seen.seconds >= 1 ? seen.packets / seen.seconds : seen.packets;
	const drawn = [
		build.svg('rect', { x: 3, y: 14, width: 26, height: 18, rx: 4, fill: 'none', stroke: 'currentColor', 'stroke-width': 2 }),
		build.svg('circle', { cx: 16, cy: 23, r: 4, fill: 'currentColor' }),
		build.svg('circle', { cx: 194, cy: 23, r: 11, fill: 'none', stroke: 'currentColor', 'stroke-width': 2 }),
		build.svg('path', { d: 'M183 23h22M194 12c-7 7-7 15 0 22M194 12c7 7 7 15 0 22', fill: 'none', stroke: 'currentColor', 'stroke-width': 1 })
	];
	const arrows = Math.max(2, Math.min(9, Math.round(Math.log10(Math.max(rate, 1)) * 2)));
	for (let at = 0; at < arrows; at++) {
		const x = 44 + (at + .5) * 130 / arrows - 4;
		drawn.push(build.svg('path', { d: 'M%d 17l7 6l-7 6'.format(x), fill: 'none', style: 'stroke: var(--dch-warn)', 'stroke-width': 3 }));
	}
	return build.svg('svg', { viewBox: '0 0 210 46', 'class': 'dch-picture', role: 'img', 'aria-label': _('The device sends packets to the target.') }, drawn);
}

function choices(name, legend, options, chosen) {
	return node('fieldset', {}, node('legend', {}, legend), ...options.map(option => node('label', { 'class': 'dch-choice' },
		node('input', { type: 'radio', name: name, value: option[0], checked: option[0] == chosen ? '' : null }), node('span', {}, option[1]))));
}

function chosenOf(form, name) {
	const input = Array.prototype.filter.call(form.querySelectorAll('input'), each => each.name == name && each.checked)[0];
	return input ? input.value : null;
}

function facts(group) {
	const first = group[0];
	const lines = [];
	const add = (name, value) => { if (value != null && value !== '') lines.push(node('dt', {}, name), node('dd', {}, value)); };
	const devices = first.devices || [];
	devices.forEach(device => {
		add(_('Device'), words.deviceName(device));
		add(_('Addresses at home'), (device.addresses || []).map(words.clean).join(', '));
		add(_('Hardware address (MAC)'), device.mac ? device.mac + (words.isRandomMac(device.mac) ? ' ' + _('(made up by the device, it may change)') : '') : '');
		add(_('Where'), words.place(device.port));
		const seen = device.evidence || {};
		add(_('Seen'), _('%s packets in %s connections, %s to %s').format(words.number(seen.packets), words.number(seen.flows), words.when(seen.first_seen), words.when(seen.last_seen)));
	});
	group.forEach(each => add(_('Target'), words.target(each)));
	const source = first.source || {};
	add(_('As your provider sees it (NAT: the router’s own address)'), (source.prefixes || []).map(words.clean).join(', ')
		+ ((source.ports || []).length ? ', ' + _('ports %s').format(source.ports.slice(0, 8).map(range => range[0] == range[1] ? range[0] : range.join('–')).join(', ')) : ''));
	add(_('Asked'), words.when(first.requested_at));
	add(_('Request (mitigation)'), _('%s of provider %s').format(group.map(each => '#' + each.id).join(', '), words.clean(first.upstream)));
	return node('dl', {}, ...lines);
}

/*
 * A question. `decided(text, mitigation, undo)` hears what came of it, `failed(error)` why nothing did; update() shows newer figures and leaves
 * what the owner has opened or chosen alone.
 */
function question(first, decided, failed) {
	let group = first;
	const id = () => group[0].id;
	const dynamic = { title: node('h3', { 'class': 'dch-title', id: 'dch-question-%d'.format(id()) }), plea: node('p', { 'class': 'dch-lead' }), figures: node('p'), certainty: node('p'),
		also: node('p', { 'class': 'dch-quiet' }), facts: node('div'), picture: node('div', { 'class': 'dch-picture' }) };
	const may = build.mayChange();
	const act = (method, args, policy) => {
		const mac = group[0].devices.length == 1 ? group[0].devices[0].mac : null;
		return daemon.ask.apply(daemon, [ method, id() ].concat(args)).then(after => {
			const settled = () => decided(method, after, policy);
			return policy && mac ? daemon.ask('policy', mac, policy).then(settled, error => { settled(); failed(error); }) : settled();
		}).catch(failed);
	};
	const one = group[0].devices.length == 1 && group[0].devices[0].mac != null;
	const known = group[0].devices.length > 0;
	const radio = name => 'dch-%s-%d'.format(name, id());
	const choose = node('div', {});
	const more = node('details', {}, node('summary', {}, _('More: slow it down, cut it off, for how long, details')), choose);
	if (known)
		dom.append(choose, [
			choices(radio('action'), _('What'), [
				[ 'block', _('Block only this target. Everything else keeps working.') ],
				[ 'limit', _('Slow it down: a few packets a second still reach this target.') ],
				[ 'quarantine', _('Cut it off completely (quarantine): no internet, no other devices, and off the Wi-Fi if it is there.') ]
			], 'block'),
			choices(radio('seconds'), _('How long'), [
				[ '', _('As long as your provider asks, or until you undo it') ],
				[ '3600', _('For an hour') ],
				[ '86400', _('For a day') ],
				[ '' + untilISay, _('Until I undo it, also when your provider asks again') ]
			], ''),
			one ? choices(radio('next'), _('Next time'), [
				[ 'ask', _('Ask me again') ],
				[ 'auto', _('Always stop this device at once, without asking') ]
			], 'ask') : '',
			node('div', { 'class': 'dch-buttons' },
				build.button(_('Do this'), 'cbi-button-apply important', () => act('approve', [
					chosenOf(choose, radio('action')), Number(chosenOf(choose, radio('seconds'))) || undefined
				], chosenOf(choose, radio('next')) == 'auto' ? 'auto' : null)),
				one ? build.button(_('Never ask about this device'), '', () => act('deny', [], 'never')) : ''),
			one ? node('p', { 'class': 'dch-quiet' }, _('“Never ask” says that this is not an attack and leaves the device alone from now on. Change it under Devices.')) : ''
		]);
	dom.append(more, dynamic.facts);
	const buttons = node('div', { 'class': 'dch-buttons' },
		known ? build.button(_('Block it'), 'cbi-button-apply important', () => act('approve', [ 'block' ])) : '',
		build.button(_('This is not an attack'), '', () => act('deny', [])));
	const promise = node('p', { 'class': 'dch-quiet' }, known ? words.promise(group[0]) : '');
	const card = node('div', { 'class': 'dch-card dch-asks', role: 'group', 'aria-labelledby': dynamic.title.id, 'data-id': id() },
		dynamic.title, dynamic.plea,
		node('div', { 'class': 'dch-evidence' }, node('div', {}, dynamic.figures, dynamic.certainty, dynamic.also), known ? dynamic.picture : ''),
		buttons, promise, more);
	if (!may) {
		card.querySelectorAll('button, input').forEach(each => { each.disabled = true; });
		dom.append(card, [ node('p', { 'class': 'dch-quiet' }, _('This login may look, but not decide.')) ]);
	}
	let shown = '';
	const update = newer => {
		group = newer;
		const next = JSON.stringify(newer);
		if (next == shown)
			return;
		shown = next;
		build.setText(dynamic.title, words.title(group[0]));
		build.setText(dynamic.plea, words.plea(group[0]));
		build.setText(dynamic.figures, words.figures(group[0]));
		build.setText(dynamic.certainty, words.certainty(group[0]));
		build.setText(dynamic.also, group.length > 1 ? N_(group.length - 1, 'Your answer also holds for 1 more target of the same device.', 'Your answer also holds for %d more targets of the same device.').format(group.length - 1) : '');
		dom.content(dynamic.picture, [ picture(group[0]) ]);
		dom.content(dynamic.facts, [ facts(group) ]);
	};
	update(first);
	return { node: card, update: update };
}

/* Something that is blocked now, with Undo. */
function block(first, decided, failed) {
	let mitigation = first;
	const title = node('h3', { 'class': 'dch-title' }), text = node('p'), ends = node('p', { 'class': 'dch-quiet' }), more = node('div');
	const undo = build.button(_('Undo'), '', () => daemon.ask('release', mitigation.id).then(after => decided('release', after)).catch(failed));
	undo.setAttribute('aria-label', _('Undo: %s').format(words.names(first)));
	undo.disabled = !build.mayChange();
	const card = node('div', { 'class': 'dch-card ' + (first.action == 'observe' ? '' : 'dch-done'), 'data-id': first.id },
		node('div', { 'class': 'dch-row' }, node('div', {}, title, text, ends), node('div', { 'class': 'dch-buttons' }, undo)),
		node('details', {}, node('summary', {}, _('Details')), more));
	const update = newer => {
		mitigation = newer;
		build.setText(title, (newer.action == 'observe' ? '%s → %s' : _('%s can no longer reach %s')).format(words.names(newer), words.target(newer)));
		if (newer.action == 'limit')
			build.setText(title, _('%s is slowed down towards %s').format(words.names(newer), words.target(newer)));
		if (newer.action == 'quarantine')
			build.setText(title, _('%s is cut off completely').format(words.names(newer)));
		build.setText(text, words.stopped(newer) + (newer.action == 'observe' ? '' : ' ' + words.soFar(newer)));
		build.setText(ends, newer.state == 'terminating' ? '' : words.until(newer));
		dom.content(more, [ facts([ newer ]) ]);
	};
	update(first);
	return { node: card, update: update };
}

/* What came of a decision; stays on the page until it is left. */
function result(method, mitigation, policy, undo) {
	const who = words.names(mitigation);
	const isDenied = method == 'deny';
	const rows = [];
	if (method == 'approve') {
		rows.push(node('p', {}, words.stopped(mitigation) + ' ' + words.soFar(mitigation)), node('p', { 'class': 'dch-quiet' }, words.until(mitigation)));
		if (policy == 'auto')
			rows.push(node('p', { 'class': 'dch-quiet' }, _('Next time it is stopped at once, without asking. Change it under Devices.')));
	} else if (isDenied) {
		rows.push(node('p', {}, _('Left alone. Your provider was told that this is not an attack.')));
		if (policy == 'never')
			rows.push(node('p', { 'class': 'dch-quiet' }, _('Nobody asks about this device any more. Change it under Devices.')));
	} else if (mitigation.outcome == 'denied')
		rows.push(node('p', {}, _('Undone. If your provider asks again, so do we.')));
	else
		rows.push(node('p', {}, _('Undone. It may send to that target again.')));
	return node('div', { 'class': 'dch-card dch-done', 'data-decided': mitigation.id },
		node('div', { 'class': 'dch-row' }, node('div', {}, node('h3', { 'class': 'dch-title', tabindex: '-1' }, who), ...rows), undo ? node('div', { 'class': 'dch-buttons' }, undo) : ''));
}

return baseclass.extend({
	keyOf: keyOf,
	questionsOf: questionsOf,

	/*
	 * A column of questions that keeps what is open and focused; at most `most` at first.
	 */
	column: function(page, most, refresh) {
		const cards = new Map();
		const results = [];
		const box = node('div', {});
		let limit = most;
		let last = new Map();
		const further = build.button('', '', () => { limit += 50; show(last); });
		const announce = settled => {
			page.complain(null, true);
			page.say(Array.from(settled.querySelectorAll('h3, p')).map(each => each.textContent).join(' – '));
			const title = settled.querySelector('h3');
			results.unshift(settled);
			show(last);
			title.focus();
		};
		const decidedFor = key => (method, after, policy) => {
			const undo = method == 'approve' || method == 'deny' ? build.button(_('Undo'), '', () => daemon.ask('release', after.id).then(undone => {
				results.splice(results.indexOf(settled), 1);
				announce(result('release', undone));
				return refresh();
			}).catch(page.complain)) : null;
			const settled = result(method, after, policy, undo);
			cards.delete(key);
			last.delete(key);
			announce(settled);
			return refresh();
		};
		const failed = error => {
			page.complain(error);
			if (error.kind == 'decided' || error.kind == 'gone')
				return refresh();
		};
		const show = questions => {
			last = questions;
			const shown = Array.from(questions.keys()).slice(0, limit);
			Array.from(cards.keys()).forEach(key => { if (shown.indexOf(key) < 0) cards.delete(key); });
			shown.forEach(key => {
				if (cards.has(key))
					cards.get(key).update(questions.get(key));
				else
					cards.set(key, question(questions.get(key), decidedFor(key), failed));
			});
			const rest = questions.size - shown.length;
			further.textContent = N_(rest, 'Show 1 more question', 'Show %d more questions').format(rest);
			build.arrange(box, results.concat(shown.map(key => cards.get(key).node), rest > 0 ? [ further ] : []));
		};
		return { node: box, show: show, hasResults: () => results.length > 0 };
	},

	/* What is blocked now. */
	blocks: function(page, refresh) {
		const cards = new Map();
		const box = node('div', {});
		return {
			node: box,
			show: mitigations => {
				const ids = mitigations.map(each => each.id);
				Array.from(cards.keys()).forEach(id => { if (ids.indexOf(id) < 0) cards.delete(id); });
				mitigations.forEach(each => {
					if (cards.has(each.id))
						cards.get(each.id).update(each);
					else
						cards.set(each.id, block(each, (method, after) => {
							page.complain(null, true);
							page.say(_('Undone. It may send to that target again.'));
							return refresh();
						}, error => { page.complain(error); return refresh(); }));
				});
				build.arrange(box, ids.map(id => cards.get(id).node));
			}
		};
	}
});
