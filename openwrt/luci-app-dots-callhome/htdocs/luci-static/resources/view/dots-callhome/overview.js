'use strict';
'require view';
'require dom';
'require dots-callhome.build as build';
'require dots-callhome.card as card';
'require dots-callhome.daemon as daemon';
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

return view.extend({
	handleSave: null,
	handleSaveApply: null,
	handleReset: null,

	load: () => null,

	render: function() {
		const page = build.page(_('Outgoing attacks'));
		const calm = node('div', { 'class': 'dch-line', id: 'dch-calm' });
		const sessions = node('div', {}), warnings = node('div', {});
		const refresh = () => run();
		const column = card.column(page, 10, refresh, () => true);
		const headSessions = node('h3', {}, _('Your internet provider'));
		const retry = name => daemon.ask('reconnect', name).then(() => { page.say(_('Trying again.')); return refresh(); }).catch(page.complain);
		let known = null, busy = false, sessionsShown = '';
		calm.hidden = headSessions.hidden = true;
		dom.append(page.body, [ calm, warnings, column.node, headSessions, sessions ]);

		const show = (status, answer) => {
			const found = things.thingsOf(answer.mitigations, answer.now);
			const count = kind => found.filter(thing => thing.kind == kind).length;
			const up = status.upstreams.filter(each => each.state == 'connected');
			const dialled = status.upstreams.filter(each => each.state != 'disabled');
			busy = found.length > 0;
			column.show(found);
			headSessions.hidden = status.upstreams.length == 0;
			if (known != null && count('asks') > known)
				page.say(N_(count('asks'), 'One question waits for your answer.', '%d questions wait for your answer.').format(count('asks')));
			known = count('asks');

			/* Nothing green while something goes on, or while nobody could say so. */
			calm.hidden = count('asks') > 0 || dialled.length > 0 && up.length == 0;
			calm.className = dialled.length == 0 ? 'dch-line dch-warn' : count('alone') + count('watched') > 0 ? 'dch-line' : 'dch-line dch-good';
			const text = dialled.length == 0
				? [ _('No internet provider is set up yet.'), build.linked(_('Nobody can warn you. Enter the address and the key from your provider under %s.'), 'settings', _('Settings')) ]
				: count('alone') + count('watched') > 0 ? [ _('Nothing waits for your answer.'), [] ]
				: count('holds') > 0 ? [ _('Taken care of. Nothing waits for you.'), [] ]
					: [ _('All quiet. No device in your home is known to attack anybody.'), [ _('Your provider can reach you since %s.').format(words.when(up.length ? up[0].since : null)) ] ];
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
			show(answers[0], answers[1]);
		}).catch(error => {
			calm.hidden = true;
			page.complain(error);
		}), 3, () => busy);
		run();
		return page.body;
	}
});
