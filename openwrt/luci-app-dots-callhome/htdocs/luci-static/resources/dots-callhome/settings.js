'use strict';
'require baseclass';
'require rpc';
'require uci';

/* The configuration as the page sees it: what is set up, what is still to be saved, and what root looks at and stores for it. */

const config = 'dots-callhome';
const store = rpc.declare({ object: 'dots-callhome-setup', method: 'store', params: [ 'section', 'option', 'text' ] });
const check = rpc.declare({ object: 'dots-callhome-setup', method: 'check', params: [ 'config' ] });
const initAction = rpc.declare({ object: 'luci', method: 'setInitAction', params: [ 'name', 'action' ] });

const quoted = text => '\'%s\''.format(('' + text).replace(/[\n\r]/g, ' ').split('\'').join('\'\\\'\''));

/* As uci would write it, with what is not saved yet. */
function text() {
	return uci.sections(config).map(section => [ 'config %s%s'.format(section['.type'], section['.anonymous'] ? '' : ' ' + quoted(section['.name'])) ].concat(
		Object.keys(section).filter(name => name.charAt(0) != '.').reduce((lines, name) => lines.concat(Array.isArray(section[name])
			? section[name].map(value => '\tlist %s %s'.format(name, quoted(value))) : [ '\toption %s %s'.format(name, quoted(section[name])) ]), [])
	).join('\n')).join('\n\n') + '\n';
}

return baseclass.extend({
	name: config,

	/* Whether a provider is entered, and switched on: 'none', 'off' or 'on'. */
	stateOf: function() {
		const globals = uci.sections(config, 'globals')[0] || {};
		const entered = uci.sections(config, 'upstream').filter(section => section.host || section.discover == '1');
		if (entered.length == 0)
			return 'none';
		return globals.enabled == '0' || entered.every(section => section.enabled == '0') ? 'off' : 'on';
	},

	/* Puts a key, a password or a certificate where nothing ever reads it back; resolves with its file, rejects with an Error in words. */
	store: (section, option, secret) => store(section, option, secret).then(answer => {
		if (answer && answer.path)
			return answer.path;
		throw new Error(answer && answer.problem || _('The router did not store it.'));
	}),

	/* What is wrong with the settings as they are on this page: [{ section, option, message }]. */
	check: () => check(text()).then(answer => {
		if (answer && Array.isArray(answer.problems))
			return answer.problems;
		throw new Error(_('The router did not check it.'));
	}),

	/* Saves, applies, and has the service take it up. */
	apply: () => uci.save().then(() => uci.apply(10)).then(() => initAction(config, 'start').catch(() => null)),
	start: () => initAction(config, 'start')
});
