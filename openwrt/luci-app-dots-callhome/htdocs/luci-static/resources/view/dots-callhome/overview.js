'use strict';
'require view';
'require dom';
'require uci';
'require dots-callhome.build as build';
'require dots-callhome.card as card';
'require dots-callhome.daemon as daemon';
'require dots-callhome.first-run as firstRun';
'require dots-callhome.settings as settings';
'require dots-callhome.things as things';
'require dots-callhome.words as words';

const node = build.node;

function sessionLine(upstream, retry) {
	const name = words.clean(upstream.name);
	if (upstream.state == 'connected')
		return node('div', { 'class': 'dch-line dch-good' }, node('strong', {}, _('Connected with “%s”').format(name)), ' ',
			node('span', { 'class': 'dch-quiet' }, _('since %s').format(words.when(upstream.since))),
			node('details', {}, node('summary', {}, _('Details')), node('dl', {},
				node('dt', {}, _('Address')), node('dd', {}, words.clean(upstream.peer || '–')),
				node('dt', {}, _('Transport')), node('dd', {}, upstream.transport == 'tcp' ? _('TLS over TCP') : _('DTLS over UDP')),
				node('dt', {}, _('Sessions since the start')), node('dd', {}, words.number(upstream.sessions)))));
	if (upstream.state == 'disabled')
		return node('div', { 'class': 'dch-line' }, node('strong', {}, _('“%s” is switched off').format(name)),
			node('p', {}, ...build.linked(_('This provider cannot warn you. You can switch it on under %s.'), 'settings', _('Settings'))));
	return node('div', { 'class': 'dch-line dch-warn' },
		node('strong', {}, upstream.state == 'connecting' ? _('Connecting with “%s” …').format(name) : _('Your provider “%s” cannot warn you right now').format(name)),
		node('p', {}, _('What is blocked stays blocked. We keep trying by ourselves.')),
		node('p', { 'class': 'dch-quiet' }, ...build.linked(_('What you can check: does the internet work? Are address and key those that your provider gave you? They are under %s.'), 'settings', _('Settings'))),
		upstream.last_error ? node('details', {}, node('summary', {}, _('What went wrong')), node('p', {}, upstream.last_error)) : '',
		build.mayChange() ? node('div', { 'class': 'dch-buttons' }, build.button(_('Try now'), '', () => retry(upstream.name))) : '');
}

/* A question that harms nobody, and a message to each receiver. */
function practise(page) {
	const place = node('div', {});
	const receivers = uci.sections('dots-callhome', 'notify').filter(section => !section['.anonymous']).map(section => section['.name']);
	const send = name => daemon.ask('test', name).then(answer => page.tell(answer.delivered ? _('The test message to “%s” was delivered. Look at your phone.').format(words.clean(name))
		: _('The test message to “%s” was not delivered: %s').format(words.clean(name), answer.problem || '?')), page.complain);
	return node('div', {},
		node('div', { 'class': 'dch-buttons' },
			build.button(_('Show a practice question'), '', () => { dom.content(place, [ card.practice() ]); }),
			...receivers.map(name => build.mayChange() ? build.button(_('Send a test message to “%s”').format(words.clean(name)), '', () => send(name)) : null)),
		receivers.length == 0 ? node('p', { 'class': 'dch-quiet' }, ...build.linked(_('Nothing is sent to your phone yet. You can set that up under %s.'), 'settings', _('Settings'))) : '',
		place);
}

return view.extend({
	handleSave: null,
	handleSaveApply: null,
	handleReset: null,

	load: () => L.resolveDefault(uci.load('dots-callhome'), null),

	render: function() {
		const page = build.page(_('Outgoing attacks'));
		const calm = node('div', { 'class': 'dch-line', id: 'dch-calm' });
		const sessions = node('div', {}), warnings = node('div', {});
		const refresh = () => run();
		const column = card.column(page, 10, refresh, () => true);
		const headSessions = node('h3', {}, _('Your internet provider'));
		const retry = name => daemon.ask('reconnect', name).then(() => { page.say(_('Trying again.')); return refresh(); }).catch(page.complain);
		let known = null, busy = false, sessionsShown = '';
		const tryOut = node('details', {}, node('summary', {}, _('Try it out')), practise(page));
		tryOut.hidden = true;
		const remedy = node('div', {});
		const first = node('div', {});
		/* From here on the router's own answers count, not what the configuration said when the page was opened. */
		let setUp = settings.stateOf();
		calm.hidden = headSessions.hidden = true;
		dom.append(page.body, [ calm, remedy, warnings, first, column.node, headSessions, sessions, tryOut ]);
		if (setUp == 'none')
			dom.append(first, [ firstRun.create(() => {
				setUp = 'on';
				page.tell(_('Switched on. The router connects with your provider.'));
				page.focus();
				return refresh();
			}) ]);

		const show = (status, answer) => {
			const found = things.thingsOf(answer.mitigations, answer.now);
			const count = kind => found.filter(thing => thing.kind == kind).length;
			const up = status.upstreams.filter(each => each.state == 'connected');
			const dialled = status.upstreams.filter(each => each.state != 'disabled');
			busy = found.length > 0;
			column.show(found);
			headSessions.hidden = tryOut.hidden = status.upstreams.length == 0;
			if (known != null && count('asks') > known)
				page.say(N_(count('asks'), 'One question waits for your answer.', '%d questions wait for your answer.').format(count('asks')));
			known = count('asks');

			/* Nothing green while something goes on, or while nobody could say so. */
			calm.hidden = count('asks') > 0 || dialled.length > 0 && up.length == 0;
			calm.className = dialled.length == 0 ? 'dch-line dch-warn' : count('alone') + count('watched') > 0 ? 'dch-line' : 'dch-line dch-good';
			const text = dialled.length == 0
				? [ _('No internet provider is switched on.'), build.linked(_('Nobody can warn you. You can switch one on under %s.'), 'settings', _('Settings')) ]
				: count('alone') + count('watched') > 0 ? [ _('Nothing waits for your answer.'), [] ]
				: count('holds') > 0 ? [ _('Taken care of. Nothing waits for you.'), [] ]
					: [ _('All quiet. No device in your home is known to attack anybody.'), [ _('Your provider has been able to reach you since %s.').format(words.when(up.length ? up[0].since : null)) ] ];
			const next = JSON.stringify(status.upstreams);
			dom.content(calm, [ node('strong', {}, text[0]), text[1].length > 0 ? node('p', { 'class': 'dch-quiet' }, ...text[1]) : '' ]);

			const told = status.warnings.slice();
			if (words.clocksDiffer(answer.mitigations.map(each => each.requested_at).concat(status.upstreams.map(each => each.since))))
				told.unshift(_('The clock of the router and the clock of this device differ. Times on this page may be wrong; what is blocked is not affected.'));
			dom.content(warnings, told.slice(0, 8).map(text => node('div', { 'class': 'dch-line dch-warn' }, text)));
			if (next != sessionsShown && !sessions.contains(document.activeElement))
				dom.content(sessions, status.upstreams.map(each => sessionLine(each, retry)));
			sessionsShown = next;
		};
		const run = daemon.follow(() => Promise.all([ daemon.ask('status'), daemon.mitigations() ]).then(answers => {
			page.complain(null);
			dom.content(remedy, []);
			if (setUp == 'none' && answers[0].upstreams.length == 0)
				return;
			if (setUp != 'on')
				dom.content(first, []);
			setUp = 'on';
			show(answers[0], answers[1]);
		}).catch(error => {
			calm.hidden = true;
			/* Without a provider there is nothing to run. */
			if (error.kind == 'down' && setUp != 'on') {
				page.complain(null);
				dom.content(remedy, setUp == 'none' ? [] : [ node('div', { 'class': 'dch-line dch-warn' }, node('strong', {}, _('It is switched off.')), node('p', {}, ...build.linked(_('Nobody can warn you. You can switch it on under %s.'), 'settings', _('Settings')))) ]);
				return;
			}
			page.complain(error);
			if (error.kind == 'down' && remedy.childNodes.length == 0 && build.mayChange())
				dom.content(remedy, [ node('div', { 'class': 'dch-buttons' }, build.button(_('Start it'), 'main', () => settings.start().then(() => refresh()).catch(page.complain))) ]);
		}), 3, () => busy);
		run();
		return page.body;
	}
});
