'use strict';
'require baseclass';
'require dom';
'require uci';
'require dots-callhome.build as build';
'require dots-callhome.settings as settings';

/* From an empty configuration to a router that can be warned, in three steps and without a shell. */

const node = build.node;
const languages = { de: 'de', es: 'es', ja: 'ja', zh: 'zh_Hans' };

/* A labelled input, with its help and what is wrong with it. */
function field(id, label, help, attributes) {
	const input = node('input', Object.assign({ id: id, type: 'text', 'class': 'cbi-input-text', autocomplete: 'off', spellcheck: 'false', 'aria-describedby': id + '-help ' + id + '-problem' }, attributes));
	const problem = node('p', { id: id + '-problem', 'class': 'dch-problem', role: 'alert' });
	problem.hidden = true;
	return {
		input: input, value: () => input.value.trim(), complain: text => { build.setText(problem, text); input.setAttribute('aria-invalid', text ? 'true' : 'false'); },
		node: node('div', { 'class': 'dch-field' }, node('label', { 'for': id }, label), input, node('p', { id: id + '-help', 'class': 'dch-quiet' }, help), problem)
	};
}

/* A certificate or key from this device. */
function upload(id, label, help) {
	const made = field(id, label, help, { type: 'file', accept: '.pem,.crt,.cer,.key', 'class': '' });
	made.text = () => {
		const file = made.input.files[0];
		return file ? file.text() : Promise.resolve('');
	};
	return made;
}

function radios(name, legend, options, chosen, changed) {
	return node('fieldset', {}, node('legend', {}, legend), ...options.map(option => node('label', { 'class': 'dch-choice' },
		node('input', { type: 'radio', name: name, value: option[0], checked: option[0] == chosen ? '' : null, change: () => changed(option[0]) }), node('span', {}, option[1]))));
}

function secretName() {
	const bytes = crypto.getRandomValues(new Uint8Array(12));
	return Array.from(bytes).map(byte => byte.toString(36).padStart(2, '0').slice(-2)).join('');
}

/* One of the three steps: its number is read aloud with its title. */
function step(number, title, parts) {
	return node('div', { 'class': 'dch-card', role: 'group', 'aria-labelledby': 'dch-step-%d'.format(number) },
		node('h3', { 'class': 'dch-title', id: 'dch-step-%d'.format(number), tabindex: '-1' }, _('Step %d of 3: %s').format(number, title)), ...parts);
}

/* Has an option of the configuration, made where there is none. */
function sectionOf(type, name) {
	const found = uci.sections(settings.name, type)[0];
	return found ? found['.name'] : uci.add(settings.name, type, name);
}

function provider(next) {
	const name = sectionOf('upstream', 'isp');
	const before = uci.sections(settings.name, 'upstream').filter(section => section['.name'] == name)[0] || {};
	const given = _('Your provider gave you this.');
	const host = field('dch-host', _('Address'), _('Name or address that the router calls, such as dots.isp.example.'));
	const port = field('dch-port', _('Port'), _('Only if your provider named one. Otherwise leave it empty.'), { inputmode: 'numeric' });
	const identity = field('dch-identity', _('Identity'), _('How the router names itself, such as cpe-0001.'));
	const key = field('dch-key', _('Key'), _('Paste it here. It is stored on the router and never shown again.'), { type: 'password', autocomplete: 'new-password' });
	const ca = upload('dch-ca', _('Your provider’s authority'), _('A PEM file: who may sign your provider’s certificate.'));
	const certificate = upload('dch-cert', _('The router’s certificate'), _('A PEM file, with its chain.'));
	const privateKey = upload('dch-private', _('The router’s private key'), _('A PEM file. It is stored on the router and never shown again.'));
	const byKey = node('div', {}, identity.node, key.node), byCertificate = node('div', {}, ca.node, certificate.node, privateKey.node);
	const discover = node('input', { type: 'checkbox', id: 'dch-discover', 'aria-describedby': 'dch-discover-help', change: () => { host.node.hidden = discover.checked; } });
	const bySelf = node('div', { 'class': 'dch-field' }, node('label', { 'class': 'dch-choice', 'for': 'dch-discover' }, discover, node('span', {}, _('Find the address automatically'))),
		node('p', { id: 'dch-discover-help', 'class': 'dch-quiet' }, _('If your provider announces it by DHCP and DNS.')));
	const rest = node('div', { 'class': 'dch-problem', role: 'alert' });
	const fields = { host: host, port: port, psk_identity: identity, psk_file: key, ca_file: ca, cert_file: certificate, key_file: privateKey };
	let auth = 'psk';
	byCertificate.hidden = rest.hidden = true;
	host.input.value = before.host || '';
	identity.input.value = before.psk_identity || '';

	/* The stored file's name for an option; what is wrong with it stands beside its field. */
	const keep = (option, secret) => settings.store(name, option, secret).then(path => { uci.set(settings.name, name, option, path); },
		error => { fields[option].complain(error.message); throw error; });
	const missing = wanted => wanted.filter(each => each.value() == '').map(each => { each.complain(given); return each; });
	const go = () => {
		Object.keys(fields).forEach(option => fields[option].complain(''));
		build.setText(rest, '');
		const lacking = missing((discover.checked ? [] : [ host ]).concat(auth == 'psk' ? [ identity, key ] : [ ca, certificate, privateKey ]));
		if (lacking.length > 0)
			return lacking[0].input.focus();
		const values = { enabled: '1', discover: discover.checked ? '1' : '', host: discover.checked ? '' : host.value(), port: port.value(), auth: auth, psk_identity: auth == 'psk' ? identity.value() : '' };
		Object.keys(values).forEach(option => values[option] == '' ? uci.unset(settings.name, name, option) : uci.set(settings.name, name, option, values[option]));
		const stored = auth == 'psk' ? keep('psk_file', key.value())
			: [ [ 'ca_file', ca ], [ 'cert_file', certificate ], [ 'key_file', privateKey ] ].reduce((before, each) => before.then(() => each[1].text()).then(text => keep(each[0], text)), Promise.resolve());
		return stored.then(() => settings.check()).then(problems => {
			problems.forEach(problem => {
				const its = problem.section == 'config upstream \'%s\''.format(name) && fields[problem.option];
				if (its)
					its.complain(problem.message);
				else
					build.setText(rest, [ problem.section, problem.option, problem.message ].filter(part => part).join(': '));
			});
			if (problems.length == 0)
				return next();
		}).catch(error => { if (!Object.keys(fields).some(option => fields[option].input.getAttribute('aria-invalid') == 'true')) build.setText(rest, error.message); });
	};
	return step(1, _('your internet provider'), [
		node('p', {}, _('Your provider gives you an address, and a key or certificates. With them the router can be warned when a device in your home attacks somebody.')),
		host.node, bySelf,
		radios('dch-auth', _('How the router proves who it is'), [ [ 'psk', _('With a key') ], [ 'certificate', _('With certificates') ] ], auth, value => {
			auth = value;
			byKey.hidden = value != 'psk';
			byCertificate.hidden = value == 'psk';
		}),
		byKey, byCertificate, node('details', {}, node('summary', {}, _('A port of its own')), port.node), rest,
		node('div', { 'class': 'dch-buttons' }, build.button(_('Check and go on'), 'main', go))
	]);
}

function rules(next, back) {
	const globals = sectionOf('globals', 'globals');
	let consent = uci.get(settings.name, globals, 'consent') || 'ask';
	return step(2, _('what happens when a device is reported'), [
		radios('dch-consent', _('When your provider reports a device'), [
			[ 'ask', _('Ask me. Nothing is blocked before I answer.') ],
			[ 'auto', _('Block it at once, only from what it attacks, and tell me. I can undo it.') ],
			[ 'observe', _('Only tell me. Nothing is ever blocked.') ]
		], consent, value => { consent = value; }),
		node('p', { 'class': 'dch-quiet' }, ...build.linked(_('You can change this at any time, also for a single device. Everything else is under %s.'), 'settings', _('Settings'))),
		node('div', { 'class': 'dch-buttons' }, build.button(_('Go on'), 'main', () => {
			uci.set(settings.name, globals, 'enabled', '1');
			uci.set(settings.name, globals, 'consent', consent);
			next();
		}), build.button(_('Back'), '', back))
	]);
}

function phone(next, back) {
	const topic = field('dch-topic', _('Topic'), _('Install the app ntfy on your phone and subscribe to exactly this topic. Whoever knows it can read the messages: keep it to yourself.'));
	const about = node('div', {}, topic.node);
	const problem = node('p', { 'class': 'dch-problem', role: 'alert' });
	let kind = 'none';
	topic.input.value = 'https://ntfy.sh/home-%s'.format(secretName());
	about.hidden = problem.hidden = true;
	const go = () => {
		topic.complain('');
		build.setText(problem, '');
		if (kind == 'ntfy') {
			const name = sectionOf('notify', 'phone');
			const values = { type: 'ntfy', url: topic.value(), page: window.location.origin, language: languages[(document.documentElement.lang || '').slice(0, 2)] || 'en' };
			Object.keys(values).forEach(option => uci.set(settings.name, name, option, values[option]));
		}
		return settings.check().then(problems => {
			if (problems.length > 0)
				return problems[0].option == 'url' ? topic.complain(problems[0].message) : build.setText(problem, problems[0].message);
			return settings.apply().then(next);
		}).catch(error => build.setText(problem, error.message));
	};
	return step(3, _('messages to your phone'), [
		node('p', {}, _('A question waits for 15 minutes. A message tells you that there is one.')),
		radios('dch-phone', _('Where messages go'), [
			[ 'none', _('Nowhere for now. I look at this page.') ],
			[ 'ntfy', _('To my phone, with the free app ntfy') ]
		], kind, value => { kind = value; about.hidden = value != 'ntfy'; }),
		about,
		node('p', { 'class': 'dch-quiet' }, ...build.linked(_('Home Assistant, MQTT and webhooks are under %s.'), 'settings', _('Settings'))), problem,
		node('div', { 'class': 'dch-buttons' }, build.button(_('Switch it on'), 'main', go), build.button(_('Back'), '', back))
	]);
}

return baseclass.extend({
	/* done() is called when the router has taken all of it. */
	create: function(done) {
		const box = node('div', {});
		const steps = [ provider, rules, phone ];
		const show = at => {
			const made = at < steps.length ? steps[at](() => show(at + 1), () => show(at - 1)) : null;
			dom.content(box, [ made || '' ]);
			if (!made)
				return done();
			if (at > 0)
				made.querySelector('h3').focus();
		};
		if (build.mayChange())
			show(0);
		else
			dom.content(box, [ node('div', { 'class': 'dch-line dch-warn' }, _('No internet provider is set up yet. Log in as an administrator to do it.')) ]);
		return box;
	}
});
