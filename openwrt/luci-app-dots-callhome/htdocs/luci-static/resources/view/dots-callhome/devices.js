'use strict';
'require view';
'require dom';
'require dots-callhome.build as build';
'require dots-callhome.daemon as daemon';
'require dots-callhome.words as words';

const node = build.node;

return view.extend({
	handleSave: null,
	handleSaveApply: null,
	handleReset: null,

	load: () => null,

	render: function() {
		const page = build.page(_('Devices'));
		const none = node('div', { 'class': 'dch-line dch-good' }, node('strong', {}, _('No device was ever reported.')));
		const box = node('div', {}), cards = new Map();
		const policies = { ask: _('Ask me each time'), auto: _('Stop it at once, without asking'), never: _('Leave it alone, never ask') };
		none.hidden = true;
		dom.append(page.body, [ node('p', {}, _('The devices that your provider has reported, and what happens next time.')), none, box ]);

		const create = first => {
			const title = node('h3', { 'class': 'dch-title' }), about = node('p', { 'class': 'dch-quiet' }), why = node('p', { 'class': 'dch-quiet' }), state = node('p', {}, ...build.linked(_('Blocked now. You can undo it on %s.'), 'overview', _('Overview')));
			const select = node('select', { 'class': 'cbi-input-select', 'aria-label': _('Next time: %s').format(words.deviceName(first)), change: () => {
				select.disabled = true;
				daemon.ask('policy', first.mac, select.value).then(after => {
					page.complain(null, true);
					page.say(_('Saved. %s: %s').format(words.deviceName(after), policies[after.policy]));
				}, page.complain).then(() => { select.disabled = false; return run(); }).then(() => select.focus());
			} }, ...Object.keys(policies).map(policy => node('option', { value: policy }, policies[policy])));
			select.disabled = !build.mayChange();
			return {
				node: node('div', { 'class': 'dch-card', 'data-mac': first.mac }, node('div', { 'class': 'dch-row' }, node('div', {}, title, state, about), node('div', {}, select, why))),
				update: device => {
					build.setText(title, words.deviceName(device));
					state.hidden = device.stopped_by.length == 0;
					build.setText(about, [ N_(device.requests, 'Reported once', 'Reported %d times').format(device.requests), device.last_request_at ? _('last %s').format(words.when(device.last_request_at)) : '',
						words.place(device.port), device.addresses.map(words.clean).join(', '), device.mac ].filter(text => text).join(' · '));
					build.setText(why, { owner: _('You chose this.'), config: _('From the settings file.'), 'default': _('As set for all devices.') }[device.policy_from] || '');
					if (document.activeElement !== select)
						select.value = device.policy;
				}
			};
		};
		const run = daemon.follow(() => daemon.ask('devices').then(answer => {
			page.complain(null);
			none.hidden = answer.devices.length > 0;
			answer.devices.forEach(device => {
				if (!cards.has(device.mac))
					cards.set(device.mac, create(device));
				cards.get(device.mac).update(device);
			});
			build.arrange(box, answer.devices.map(device => cards.get(device.mac).node));
		}).catch(page.complain), 10);
		run();
		return page.body;
	}
});
