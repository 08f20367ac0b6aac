'use strict';
'require baseclass';
'require dom';
'require dots-callhome.build as build';
'require dots-callhome.curve as curve';
'require dots-callhome.daemon as daemon';
'require dots-callhome.things as things';
'require dots-callhome.words as words';

const node = build.node;
const untilISay = 366 * 86400;

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
	(first.devices || []).forEach(device => {
		add(_('Device'), words.deviceName(device));
		add(_('Addresses at home'), (device.addresses || []).map(words.clean).join(', '));
		add(_('Hardware address (MAC)'), device.mac ? device.mac + (words.isRandomMac(device.mac) ? ' ' + _('(made up by the device, it may change)') : '') : '');
		add(_('Where'), words.place(device.port));
		const seen = device.evidence || {};
		if (seen.first_seen && seen.last_seen)
			add(_('Seen'), _('%s packets in %s connections, %s to %s').format(words.number(seen.packets), words.number(seen.flows), words.when(seen.first_seen), words.when(seen.last_seen)));
	});
	group.forEach(each => add(_('Target'), words.target(each)));
	const source = first.source || {};
	add(_('As your provider sees it (NAT: the router’s own address)'), (source.prefixes || []).map(words.clean).join(', ')
		+ ((source.ports || []).length ? ', ' + _('ports %s').format(source.ports.slice(0, 8).map(range => range[0] == range[1] ? range[0] : range.join('–')).join(', ')) : ''));
	add(_('Requested'), words.when(first.requested_at));
	add(_('Request (mitigation)'), _('%s of provider %s').format(group.map(each => '#' + each.id).join(', '), words.clean(first.upstream)));
	return node('dl', {}, ...lines);
}

/* What can be chosen beside the two buttons of a question. */
function moreChoices(thing, act) {
	const first = thing.group[0];
	const one = first.devices.length == 1 && first.devices[0].mac != null;
	const radio = name => 'dch-%s-%d'.format(name, first.id);
	const box = node('div', {});
	dom.append(box, [
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
			build.button(_('Do this'), 'main', () => act('approve', [
				chosenOf(box, radio('action')), Number(chosenOf(box, radio('seconds'))) || undefined
			], chosenOf(box, radio('next')) == 'auto' ? 'auto' : null)),
			one ? build.button(_('Never ask about this device'), '', () => act('deny', [], 'never')) : ''),
		one ? node('p', { 'class': 'dch-quiet' }, ...build.linked(_('“Never ask” says that this is not an attack and leaves the device alone from now on. You can change that under %s.'), 'devices', _('Devices'))) : ''
	].filter(each => each !== ''));
	return box;
}

/* The buttons of a thing, by its kind; act(method, args, policy) does it. */
function buttonsOf(thing, act) {
	const first = thing.group[0];
	switch (thing.kind) {
	case 'asks': return [
		first.devices.length > 0 ? build.button(_('Block it'), 'main', () => act('approve', [ 'block' ])) : null,
		build.button(_('This is not an attack'), '', () => act('deny', [])) ];
	case 'alone': return first.left_alone.why == 'protected' || first.devices.length == 0 ? [] : [ build.button(_('Block it after all'), '', () => act('block after all', [])) ];
	case 'holds': {
		const undo = build.button(_('Undo'), '', () => act('release', []));
		undo.setAttribute('aria-label', _('Undo: %s').format(words.names(first)));
		return [ undo ];
	}
	default: return [];
	}
}

const looks = { asks: 'dch-asks', alone: 'dch-alone', holds: 'dch-done', watched: 'dch-asks' };

/* A card. update() shows newer figures, and leaves what the owner has opened or chosen alone. */
function card(thing, act) {
	const id = 'dch-thing-%d-%s'.format(thing.group[0].id, thing.kind);
	const part = { title: node('h3', { 'class': 'dch-title', id: id, tabindex: '-1' }), plea: node('p', { 'class': 'dch-lead' }), figures: node('p'), report: node('p'), forgery: node('p'), certainty: node('p'),
		also: node('p', { 'class': 'dch-quiet' }), until: node('p', { 'class': 'dch-quiet' }), rule: node('p', { 'class': 'dch-quiet' }), facts: node('div') };
	const drawn = curve.create();
	const asks = thing.kind == 'asks';
	const known = thing.group[0].devices.length > 0;
	const more = node('details', {}, node('summary', {}, asks && known ? _('More: slow it down, cut it off, for how long, details') : _('Details')), asks && known ? moreChoices(thing, act) : '', part.facts);
	const made = node('div', { 'class': 'dch-card ' + looks[thing.kind], role: 'group', 'aria-labelledby': id, 'data-id': thing.group[0].id, 'data-kind': thing.kind },
		part.title, part.plea, node('div', { 'class': 'dch-evidence' }, node('div', {}, part.figures, part.report, part.forgery, part.certainty, part.also, part.until, part.rule), drawn.node),
		node('div', { 'class': 'dch-buttons' }, ...buttonsOf(thing, act)),
		asks && known ? node('p', { 'class': 'dch-quiet' }, words.promise(thing.group[0])) : '', more);
	if (!build.mayChange()) {
		made.querySelectorAll('button, input').forEach(each => { each.disabled = true; });
		dom.append(made, [ node('p', { 'class': 'dch-quiet' }, _('This login may look, but not decide.')) ]);
	}
	let shown = '';
	return {
		node: made, title: part.title,
		text: () => [ part.title, part.plea, part.figures, part.until ].filter(each => !each.hidden).map(each => each.textContent).join(' – '),
		update: (newer, rule) => {
			thing = newer;
			build.setText(part.title, words.title(thing));
			build.setText(part.plea, words.plea(thing));
			build.setText(part.figures, words.figures(thing));
			build.setText(part.report, thing.kind == 'holds' ? '' : words.report(thing.group[0]));
			build.setText(part.forgery, words.forgery(thing.group[0]));
			build.setText(part.certainty, words.certainty(thing));
			build.setText(part.until, words.until(thing));
			build.setText(part.rule, rule || '');
			const others = thing.group.length - 1;
			build.setText(part.also, asks && others > 0 ? N_(others, 'Your answer also holds for 1 more target of the same device.', 'Your answer also holds for %d more targets of the same device.').format(others) : '');
			drawn.update(thing.group);
			const next = JSON.stringify(thing.group.map(each => Object.assign({}, each, { traffic: null })));
			if (next != shown)
				dom.content(part.facts, [ facts(thing.group) ]);
			shown = next;
		},
		current: () => thing
	};
}

/* What the buttons do. Each resolves once the router has done it; one answer is one for all requests of the thing. */
function perform(thing, method, args, policy) {
	const first = thing.group[0];
	const mac = first.devices.length == 1 ? first.devices[0].mac : null;
	const inTurn = (ids, work) => ids.reduce((before, id) => before.then(() => work(id)), Promise.resolve());
	const ids = thing.group.map(each => each.id);
	if (method == 'release')
		return inTurn(ids, id => daemon.ask('release', id));
	if (method == 'block after all') {
		const why = first.left_alone.why;
		const before = why == 'never' && mac ? daemon.ask('policy', mac, 'ask') : why == 'denied' ? daemon.ask('release', first.id) : Promise.resolve();
		return before.then(() => inTurn(ids, id => daemon.ask('approve', id, 'block')));
	}
	return daemon.ask.apply(daemon, [ method, first.id ].concat(args)).then(() => policy && mac ? daemon.ask('policy', mac, policy) : null);
}

const rules = {
	auto: _('Next time it is stopped at once, without asking.'),
	never: _('Nobody is asked about this device any more.')
};
const over = {
	approve: _('It is over already: there is nothing to stop any more.'),
	deny: _('Left alone. Your provider was told that this is not an attack.'),
	release: _('Undone. It may send to that target again.')
};

/* Made up: addresses for documentation, a device that nobody has. */
const sample = {
	id: 0, upstream: '–', state: 'pending', outcome: null, status: 1, action: 'block', requested_at: null, expires_at: null, dropped: { packets: 0, bytes: 0 }, source: {}, traffic: null,
	target: { prefixes: [ '198.51.100.9/32' ], ports: [ [ 443, 443 ] ] },
	devices: [ { mac: null, name: _('Practice camera'), addresses: [ '192.0.2.23' ], port: null, certainty: 'exact', evidence: {} } ]
};
const outcomesOf = {
	approve: args => ({ state: 'active', status: 2, action: args[0] || 'block' }), 'block after all': () => ({ state: 'active', status: 2, action: 'block' }),
	deny: () => ({ state: 'ended', left_alone: { why: 'denied', until: null } }), release: () => ({ state: 'ended', left_alone: { why: 'undone', until: null } })
};

return baseclass.extend({
	/* A question to try the buttons on: it never leaves this page. */
	practice: function() {
		const box = node('div', {});
		const show = (mitigation, isFirst) => {
			const thing = things.thingsOf([ mitigation ], null)[0];
			const made = card(thing, (method, args) => Promise.resolve(show(Object.assign({}, sample, outcomesOf[method](args)))));
			made.update(thing);
			dom.content(box, [ node('div', { 'class': 'dch-line' }, _('This is practice: whatever you choose, nothing is blocked, and nobody is told.')), made.node ]);
			if (!isFirst)
				made.title.focus();
		};
		show(sample, true);
		return box;
	},

	/*
	 * A column of things that keeps what is open and focused; at most `most` at first. `isShown(thing)`: which of them; what was decided here is shown too.
	 * refresh() reads the router again, and resolves when show() has been called with what it says.
	 */
	column: function(page, most, refresh, isShown) {
		const cards = new Map();
		const decided = new Map();
		const box = node('div', {});
		let limit = most;
		let last = [];
		const further = build.button('', '', () => { limit += 50; show(last); });
		/* The focus goes to what came of it, and it is read aloud. */
		const tell = (devices, before, method) => {
			const after = last.filter(thing => thing.devices == devices && thing.key != before)[0];
			const its = after && cards.get(after.key);
			if (its) {
				page.say(its.text());
				its.title.focus();
			} else {
				page.tell(over[method] || over.release);
				page.focus();
			}
		};
		const actOn = key => (method, args, policy) => {
			const thing = cards.get(key).current();
			return perform(thing, method, args, policy).then(() => {
				page.complain(null, true);
				decided.set(thing.devices, policy || '');
				return refresh().then(() => tell(thing.devices, key, method));
			}, error => {
				page.complain(error);
				return refresh();
			});
		};
		const show = found => {
			last = found;
			/* What was decided here comes first: it is what the owner looks for now. */
			const isDecided = thing => thing.kind != 'asks' && decided.has(thing.devices);
			const wanted = found.filter(isDecided).concat(found.filter(thing => !isDecided(thing) && isShown(thing)));
			const shown = wanted.slice(0, limit);
			const keys = shown.map(thing => thing.key);
			Array.from(cards.keys()).forEach(key => { if (keys.indexOf(key) < 0) cards.delete(key); });
			shown.forEach(thing => {
				if (!cards.has(thing.key))
					cards.set(thing.key, card(thing, actOn(thing.key)));
				cards.get(thing.key).update(thing, rules[decided.get(thing.devices)]);
			});
			const rest = wanted.length - shown.length;
			further.textContent = N_(rest, 'Show 1 more', 'Show %d more').format(rest);
			build.arrange(box, keys.map(key => cards.get(key).node).concat(rest > 0 ? [ further ] : []));
		};
		return { node: box, show: show };
	}
});
