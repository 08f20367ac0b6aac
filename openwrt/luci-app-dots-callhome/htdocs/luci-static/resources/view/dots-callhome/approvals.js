'use strict';
'require view';
'require dom';
'require dots-callhome.build as build';
'require dots-callhome.card as card';
'require dots-callhome.daemon as daemon';

return view.extend({
	handleSave: null,
	handleSaveApply: null,
	handleReset: null,

	load: () => null,

	render: function() {
		const page = build.page(_('Questions'));
		const calm = build.node('div', { 'class': 'dch-line dch-good' }, build.node('strong', {}, _('No question waits for you.')));
		let known = null;
		const refresh = () => run();
		const questions = card.column(page, 20, refresh);
		calm.hidden = true;
		dom.append(page.body, [ calm, questions.node ]);
		const run = daemon.follow(() => daemon.mitigations().then(mitigations => {
			const open = card.questionsOf(mitigations);
			page.complain(null);
			questions.show(open);
			calm.hidden = open.size > 0;
			if (known != null && open.size > known)
				page.say(N_(open.size, 'One question waits for your answer.', '%d questions wait for your answer.').format(open.size));
			known = open.size;
		}).catch(error => {
			calm.hidden = true;
			page.complain(error);
		}), 5);
		run();
		return page.body;
	}
});
