'use strict';
'require view';
'require dom';
'require dots-callhome.build as build';
'require dots-callhome.daemon as daemon';
'require dots-callhome.words as words';

const node = build.node;

const chosen = {
	block: _('You blocked %s'), limit: _('You slowed down %s'), quarantine: _('You cut off %s completely')
};
const ruled = {
	block: _('Blocked by your rules: %s'), limit: _('Slowed down by your rules: %s'), quarantine: _('Cut off completely by your rules: %s')
};

function sentence(entry) {
	const who = words.names({ devices: entry.devices });
	const person = entry.by == 'owner';
	switch (entry.event) {
	case 'approved': return ((person ? chosen : ruled)[entry.action] || chosen.block).format(who);
	case 'denied': return (person ? _('You said this is not an attack: %s') : _('Nobody answered, so it was left alone: %s')).format(who);
	case 'released': return (entry.outcome == 'denied' ? _('You took back your answer: %s') : _('You undid the block: %s')).format(who);
	case 'policy': return _('You changed the rule for %s').format(who);
	default: return '%s: %s'.format(who, words.outcome(entry.outcome));
	}
}

return view.extend({
	handleSave: null,
	handleSaveApply: null,
	handleReset: null,

	load: () => null,

	render: function() {
		const page = build.page(_('History'));
		const list = node('ul', { 'class': 'dch-list' }), none = node('div', { 'class': 'dch-line dch-good' }, node('strong', {}, _('Nothing has happened yet.')));
		let shown = '';
		none.hidden = true;
		dom.append(page.body, [ none, list ]);
		const run = daemon.follow(() => daemon.ask('history', 200).then(answer => {
			page.complain(null);
			none.hidden = answer.history.length > 0;
			const next = JSON.stringify(answer.history);
			if (next == shown)
				return;
			shown = next;
			dom.content(list, answer.history.map(entry => node('li', {},
				node('time', { datetime: entry.at }, words.when(entry.at)), ' ', sentence(entry),
				node('div', { 'class': 'dch-quiet' }, [
					entry.target.length ? _('Target: %s').format(entry.target.slice(0, 4).map(words.bare).join(', ')) : '',
					entry.dropped ? N_(entry.dropped.packets, '1 packet stopped', '%s packets stopped').format(words.number(entry.dropped.packets)) : '',
					entry.who ? _('by %s').format(words.clean(entry.who)) : '',
					entry.mitigation ? '#%d'.format(entry.mitigation) : ''
				].filter(text => text).join(' · ')))));
		}).catch(page.complain), 10);
		run();
		return page.body;
	}
});
