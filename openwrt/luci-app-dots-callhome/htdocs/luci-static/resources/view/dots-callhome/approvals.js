'use strict';
'require view';
'require dom';
'require dots-callhome.build as build';
'require dots-callhome.card as card';
'require dots-callhome.daemon as daemon';
'require dots-callhome.things as things';

return view.extend({
	handleSave: null,
	handleSaveApply: null,
	handleReset: null,

	load: () => null,

	render: function() {
		const page = build.page(_('Questions'));
		const calm = build.node('div', { 'class': 'dch-line dch-good' }, build.node('strong', {}, _('No question waits for you.')));
		let known = null, busy = false;
		const refresh = () => run();
		const questions = card.column(page, 20, refresh, thing => thing.kind == 'asks');
		calm.hidden = true;
		dom.append(page.body, [ calm, questions.node ]);
		const run = daemon.follow(() => daemon.mitigations().then(answer => {
			const found = things.thingsOf(answer.mitigations, answer.now);
			const open = found.filter(thing => thing.kind == 'asks').length;
			page.complain(null);
			questions.show(found);
			calm.hidden = open > 0;
			busy = found.length > 0;
			if (known != null && open > known)
				page.say(N_(open, 'One question waits for your answer.', '%d questions wait for your answer.').format(open));
			known = open;
		}).catch(error => {
			calm.hidden = true;
			page.complain(error);
		}), 3, () => busy);
		run();
		return page.body;
	}
});
