'use strict';
'require view';
'require dom';
'require dots-callhome.build as build';
'require dots-callhome.card as card';
'require dots-callhome.chart as chart';
'require dots-callhome.daemon as daemon';
'require dots-callhome.words as words';

const node = build.node;

function sessionLine(upstream, retry) {
	const name = words.clean(upstream.name);
	if (upstream.state == 'connected')
		return node('div', { 'class': 'dch-line dch-good' }, node('strong', {}, _('Connected with “%s”').format(name)), ' ',
			node('span', { 'class': 'dch-quiet' }, _('since %s').format(words.when(upstream.since))),
			node('details', {}, node('summary', {}, _('Details')), node('dl', {},
				node('dt', {}, _('Address')), node('dd', {}, words.clean(upstream.peer || '–')),
				node('dt', {}, _('Way')), node('dd', {}, upstream.transport == 'tcp' ? _('TLS over TCP') : _('DTLS over UDP')),
				node('dt', {}, _('Connections since the start')), node('dd', {}, words.number(upstream.sessions)))));
	if (upstream.state == 'disabled')
		return node('div', { 'class': 'dch-line' }, node('strong', {}, _('“%s” is switched off').format(name)),
			node('p', {}, _('This provider cannot warn you. To switch it on, go to Settings.')));
	return node('div', { 'class': 'dch-line dch-warn' },
		node('strong', {}, upstream.state == 'connecting' ? _('Connecting with “%s” …').format(name) : _('Your provider “%s” cannot warn you right now').format(name)),
		node('p', {}, _('What is blocked stays blocked. We try again by ourselves, all the time.')),
		node('p', { 'class': 'dch-quiet' }, _('What you can check: does the internet work? Are address and key in the Settings those that your provider gave you?')),
		upstream.last_error ? node('details', {}, node('summary', {}, _('What went wrong')), node('p', {}, words.clean(upstream.last_error).length < 48 ? words.clean(upstream.last_error) : upstream.last_error)) : '',
		build.mayChange() ? node('div', { 'class': 'dch-buttons' }, build.button(_('Try now'), '', () => retry(upstream.name))) : '');
}

return view.extend({
	handleSave: null,
	handleSaveApply: null,
	handleReset: null,

	load: () => null,

	render: function() {
		const page = build.page(_('Outgoing attacks'));
		const calm = node('div', { 'class': 'dch-line dch-good', id: 'dch-calm' });
		const sessions = node('div', {}), warnings = node('div', {}), counted = chart.create();
		const refresh = () => run();
		const questions = card.column(page, 3, refresh), blocked = card.blocks(page, refresh);
		const headBlocked = node('h3', {}, _('Blocked now')), headSessions = node('h3', {}, _('Your internet provider')), headChart = node('h3', {}, _('Packets stopped'));
		const retry = name => daemon.ask('reconnect', name).then(() => { page.say(_('Trying again.')); return refresh(); }).catch(page.complain);
		let known = null, busy = false, sessionsShown = '', all = node('div', {});
		calm.hidden = true;
		dom.append(page.body, [ calm, warnings, questions.node, headBlocked, blocked.node, all, headChart, counted.node, headSessions, sessions ]);
		[ headBlocked, headChart, counted.node, headSessions ].forEach(each => { each.hidden = true; });

		const show = (status, mitigations) => {
			const open = card.questionsOf(mitigations);
			const active = mitigations.filter(each => each.state == 'active' || each.state == 'terminating');
			const up = status.upstreams.filter(each => each.state == 'connected');
			const dialled = status.upstreams.filter(each => each.state != 'disabled');
			busy = active.length > 0;
			questions.show(open);
			blocked.show(active);
			counted.add(mitigations);
			headBlocked.hidden = active.length == 0;
			headChart.hidden = counted.node.hidden = active.length == 0;
			headSessions.hidden = status.upstreams.length == 0;
			if (known != null && open.size > known)
				page.say(N_(open.size, 'One question waits for your answer.', '%d questions wait for your answer.').format(open.size));
			known = open.size;

			calm.hidden = open.size > 0 || dialled.length > 0 && up.length == 0;
			calm.className = dialled.length == 0 ? 'dch-line dch-warn' : 'dch-line dch-good';
			const text = dialled.length == 0
				? [ _('No internet provider is set up yet.'), _('Nobody can warn you. To set one up, go to Settings: you get the address and the key from your provider.') ]
				: active.length > 0
					? [ _('Taken care of. Nothing waits for you.'), '' ]
					: [ _('All quiet. No device in your home is known to attack anybody.'), _('Your provider can reach you since %s.').format(words.when(up.length ? up[0].since : null)) ];
			dom.content(calm, [ node('strong', {}, text[0]), text[1] ? node('p', { 'class': 'dch-quiet' }, text[1]) : '' ]);

			const told = status.warnings.slice();
			if (words.clocksDiffer(mitigations.map(each => each.requested_at).concat(status.upstreams.map(each => each.since))))
				told.unshift(_('The clock of the router and the clock of this device differ. Times on this page may be wrong; what is blocked is not affected.'));
			dom.content(warnings, told.slice(0, 8).map(text => node('div', { 'class': 'dch-line dch-warn' }, text)));
			const next = JSON.stringify(status.upstreams);
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
