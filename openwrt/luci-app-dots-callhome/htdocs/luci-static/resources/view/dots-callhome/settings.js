'use strict';
'require view';
'require form';
'require uci';
'require dots-callhome.settings as settings';
'require dots-callhome.units as units';

const number = (option, lowest, highest, fallback) => {
	option.datatype = 'and(uinteger,range(%d,%d))'.format(lowest, highest);
	option.placeholder = '' + fallback;
	return option;
};

/* Seconds in the file, words on the page. */
const span = (option, lowest, highest, fallback) => {
	option.seconds = [ lowest, highest, fallback ];
	option.placeholder = units.inWords(fallback);
	option.cfgvalue = section_id => {
		const seconds = uci.get(settings.name, section_id, option.option);
		return seconds == null ? null : units.inWords(seconds);
	};
	option.validate = (section_id, value) => {
		const seconds = value == '' ? fallback : units.toSeconds(value);
		return seconds != null && seconds >= lowest && seconds <= highest ? true : _('For example %s; at least %s, at most %s').format(units.inWords(fallback), units.inWords(lowest), units.inWords(highest));
	};
	option.write = (section_id, value) => { uci.set(settings.name, section_id, option.option, '' + units.toSeconds(value)); };
	return option;
};

const choice = (option, values, fallback) => {
	values.forEach(value => option.value(value[0], value[1]));
	if (fallback != null)
		option.default = fallback;
	return option;
};

/* Secrets stay on the router: the page only knows in which file they are. */
const file = (option, example) => {
	option.placeholder = example;
	option.validate = (section, value) => value == '' || /^\/[^\u0000-\u001f]+$/.test(value) ? true : _('A path that begins with / is expected, for example %s').format(example);
	return option;
};

/* What is entered here goes to the router, and never comes back: the option `target` holds the name of its file. */
const secret = (option, target) => {
	option.cfgvalue = () => null;
	option.password = true;
	option.remove = () => null;
	option.write = (section_id, value) => settings.store(section_id, target, value).then(path => { uci.set(settings.name, section_id, target, path); });
	return option;
};
const pem = (option, target) => {
	secret(option, target);
	option.password = false;
	option.rows = 3;
	option.placeholder = '-----BEGIN …';
	return option;
};

/* Needed while the section is switched on; kept, though unseen, while it is not. */
const whileOn = (option, more) => {
	option.depends(Object.assign({ enabled: '1' }, more || {}));
	option.retain = true;
	return option;
};

const url = (section_id, value, option) => {
	const type = option.section.formvalue(section_id, 'type');
	const fits = type == 'mqtt' ? /^(mqtts?|wss?):\/\/[^\s/]+/ : /^https?:\/\/[^\s/]+/;
	return value == '' || fits.test(value) ? true : type == 'mqtt' ? _('For example mqtts://broker.lan:8883') : _('For example https://ntfy.sh/a-long-secret-name');
};

function providers(m) {
	let o;
	const s = m.section(form.TypedSection, 'upstream', _('Internet providers'), _('You get these values from your provider. Give each provider a short name without spaces.'));
	s.addremove = true;
	s.anonymous = false;
	s.tab('needed', _('From your provider'));
	s.tab('more', _('More'));
	o = s.taboption('needed', form.Flag, 'enabled', _('Enabled'), _('The router keeps a connection with this provider.'));
	o.default = '1';
	o.rmempty = false;
	whileOn(s.taboption('needed', form.Flag, 'discover', _('Find the address automatically'), _('If your provider announces it by DHCP and DNS.')));
	o = whileOn(s.taboption('needed', form.Value, 'host', _('Address'), _('Name or address that the router calls.')), { discover: '0' });
	o.datatype = 'host';
	o.placeholder = 'dots.isp.example';
	o.rmempty = false;
	choice(whileOn(s.taboption('needed', form.ListValue, 'auth', _('Proof of identity'), _('How the router and your provider know each other.'))), [ [ 'psk', _('Shared key') ], [ 'certificate', _('Certificates') ] ], 'psk');
	o = whileOn(s.taboption('needed', form.Value, 'psk_identity', _('Identity'), _('How the router names itself.')), { auth: 'psk' });
	o.placeholder = 'cpe-0001';
	secret(whileOn(s.taboption('needed', form.Value, '_psk', _('Key'), _('Paste a new key here. It is stored on the router and never shown again. Leave empty to keep the one it has.')), { auth: 'psk' }), 'psk_file');
	pem(whileOn(s.taboption('needed', form.TextValue, '_ca', _('Your provider’s authority'), _('PEM: who may sign the provider’s certificate. Leave empty to keep it.')), { auth: 'certificate' }), 'ca_file');
	pem(whileOn(s.taboption('needed', form.TextValue, '_cert', _('The router’s certificate'), _('PEM, with its chain. Leave empty to keep it.')), { auth: 'certificate' }), 'cert_file');
	pem(whileOn(s.taboption('needed', form.TextValue, '_key', _('The router’s private key'), _('PEM. It is stored on the router and never shown again. Leave empty to keep it.')), { auth: 'certificate' }), 'key_file');

	o = s.taboption('more', form.Value, 'port', _('Port'), _('Only if your provider names one. Default: 4647.'));
	o.datatype = 'port';
	o.placeholder = '4647';
	choice(s.taboption('more', form.ListValue, 'transport', _('Transport'), _('Automatic uses whichever answers first.')), [ [ 'auto', _('Automatic') ], [ 'udp', _('DTLS over UDP') ], [ 'tcp', _('TLS over TCP') ] ], 'auto');
	o = s.taboption('more', form.Value, 'server_name', _('Name in the certificate'), _('If it differs from the address.'));
	o.datatype = 'hostname';
	o.depends('auth', 'certificate');
	s.taboption('more', form.Value, 'bind_device', _('Outgoing interface'), _('A network device, if you have several providers. Otherwise leave empty.'));
	file(s.taboption('more', form.Value, 'psk_file', _('File with the shared key'), _('One line. Only root may read the file (chmod 600).')), '/etc/dots-callhome/isp.psk').depends('auth', 'psk');
	file(s.taboption('more', form.Value, 'ca_file', _('File with the provider’s authority'), _('PEM: who may sign the provider’s certificate.')), '/etc/dots-callhome/isp-ca.pem').depends('auth', 'certificate');
	file(s.taboption('more', form.Value, 'cert_file', _('File with the router’s certificate'), _('PEM, with its chain.')), '/etc/dots-callhome/isp-cert.pem').depends('auth', 'certificate');
	file(s.taboption('more', form.Value, 'key_file', _('File with the router’s private key'), _('PEM. Only root may read the file (chmod 600).')), '/etc/dots-callhome/isp.key').depends('auth', 'certificate');
}

function rules(m) {
	let o;
	const s = m.section(form.NamedSection, 'globals', 'globals', _('What happens'));
	s.addremove = false;
	o = s.option(form.Flag, 'enabled', _('Enabled'), _('Off: the router does nothing at all, and your provider cannot warn you.'));
	o.default = '1';
	o.rmempty = false;
	choice(s.option(form.ListValue, 'consent', _('When a device is reported'), _('For all devices that have no rule of their own.')),
		[ [ 'ask', _('Ask me') ], [ 'auto', _('Stop it at once') ], [ 'observe', _('Only watch, never block') ] ], 'ask');
	choice(s.option(form.ListValue, 'action', _('How it is stopped'), _('“Block” cuts it off from the attacked target only.')),
		[ [ 'block', _('Block the target') ], [ 'limit', _('Slow it down') ], [ 'quarantine', _('Cut it off completely') ] ], 'block');
	span(s.option(form.Value, 'consent_timeout', _('How long a question waits'), _('Default: 15 minutes')), 1, 604800, 900);
	choice(s.option(form.ListValue, 'on_timeout', _('When nobody answers'), _('What happens after that time.')),
		[ [ 'deny', _('Leave the device alone') ], [ 'block', _('Stop it') ] ], 'deny');
	choice(s.option(form.ListValue, 'while_pending', _('Until you answer'), _('Slowing down does little harm if it was a mistake.')),
		[ [ 'none', _('Do nothing') ], [ 'limit', _('Slow it down gently') ] ], 'none');
	o = s.option(form.DynamicList, 'never_block', _('Never block'), _('Addresses, networks or hardware addresses (MAC), such as 192.168.1.2 or aa:bb:cc:dd:ee:ff.'));
	o.datatype = 'or(ipaddr,cidr,macaddr)';
}

function messages(m) {
	let o;
	const s = m.section(form.TypedSection, 'notify', _('Messages to your phone'), _('You are told of a question once, reminded once, and told how it ended.'));
	s.addremove = true;
	s.anonymous = false;
	s.tab('needed', _('Where to'));
	s.tab('more', _('More'));
	choice(s.taboption('needed', form.ListValue, 'type', _('Kind'), _('What receives them.')), [ [ 'mqtt', _('MQTT, Home Assistant') ], [ 'ntfy', 'ntfy' ], [ 'webhook', 'Webhook' ] ], 'ntfy');
	o = s.taboption('needed', form.Value, 'url', _('Address'), _('Encrypted ones begin with https or mqtts.'));
	o.rmempty = false;
	o.validate = function(section_id, value) { return url(section_id, value, this); };
	choice(s.taboption('needed', form.ListValue, 'language', _('Language'), _('Of the messages.')), [ [ 'en', 'English' ], [ 'de', 'Deutsch' ], [ 'es', 'Español' ], [ 'zh_Hans', '简体中文' ], [ 'ja', '日本語' ] ], 'en');
	o = s.taboption('needed', form.Value, 'page', _('Address of this page'), _('For the buttons of a message, such as https://192.168.1.1. They open this page.'));
	o.validate = (section_id, value) => value == '' || /^https?:\/\/[^\s]+$/.test(value) ? true : _('For example https://192.168.1.1');
	s.taboption('needed', form.Value, 'username', _('User name'), _('If the server wants one.'));
	secret(s.taboption('needed', form.Value, '_password', _('Password or token'), _('Or the key that signs webhooks. It is stored on the router and never shown again. Leave empty to keep the one it has.')), 'password_file');
	o = s.taboption('more', form.MultiValue, 'event', _('Notify me about'), _('Leave empty for everything.'));
	[ [ 'request', _('Questions') ], [ 'blocked', _('Something was blocked') ], [ 'ended', _('It is over') ], [ 'upstream_down', _('Provider not reachable') ], [ 'upstream_up', _('Provider reachable again') ] ].forEach(each => o.value(each[0], each[1]));
	o = s.taboption('more', form.Value, 'topic_prefix', _('First part of every topic'), _('MQTT only.'));
	o.placeholder = 'dots-callhome';
	o.depends('type', 'mqtt');
	o = s.taboption('more', form.Flag, 'homeassistant', _('Home Assistant'), _('Announces sensors and questions to Home Assistant.'));
	o.default = '1';
	o.rmempty = false;
	o.depends('type', 'mqtt');
	o = s.taboption('more', form.Flag, 'commands', _('Answers over MQTT'), _('Whoever may write to the broker can then block and unblock devices. Only with encryption and a password.'));
	o.depends('type', 'mqtt');
	file(s.taboption('more', form.Value, 'password_file', _('File with the password'), _('One line. Only root may read the file (chmod 600).')), '/etc/dots-callhome/phone.password');
	file(s.taboption('more', form.Value, 'ca_file', _('File with the server’s authority'), _('PEM, if the server’s certificate is not publicly signed.')), '/etc/dots-callhome/broker-ca.pem');
}

function devices(m) {
	let o;
	const s = m.section(form.TypedSection, 'device', _('Names and rules of devices'), _('What you choose under Devices wins over the rule here.'));
	s.addremove = true;
	s.anonymous = true;
	o = s.option(form.Value, 'mac', _('Hardware address (MAC)'), _('Which device.'));
	o.datatype = 'macaddr';
	o.rmempty = false;
	o = s.option(form.Value, 'name', _('Name'), _('What you call it.'));
	o.datatype = 'maxlength(63)';
	choice(s.option(form.ListValue, 'policy', _('When it is reported'), _('Empty: as for all devices.')),
		[ [ '', _('As for all devices') ], [ 'ask', _('Ask me') ], [ 'auto', _('Stop it at once') ], [ 'never', _('Leave it alone, never ask') ] ]).optional = true;
	choice(s.option(form.ListValue, 'action', _('How it is stopped'), _('Empty: as for all devices.')),
		[ [ '', _('As for all devices') ], [ 'block', _('Block the target') ], [ 'limit', _('Slow it down') ], [ 'quarantine', _('Cut it off completely') ] ]).optional = true;
}

function forExperts(m) {
	let o;
	const s = m.section(form.NamedSection, 'globals', 'globals', _('For experts'));
	s.addremove = false;
	s.tab('limits', _('Limits'));
	s.tab('system', _('Router'));
	number(s.taboption('limits', form.Value, 'limit_rate', _('Packets per second still allowed'), _('When a device is slowed down.')), 1, 1000000, 10);
	span(s.taboption('limits', form.Value, 'max_lifetime', _('Longest duration'), _('Longer requests are shortened. 0 seconds: no limit.')), 0, 4294967295, 86400);
	span(s.taboption('limits', form.Value, 'terminating_period', _('Grace period'), _('How long a block stays after your provider has withdrawn its request, in case the attack comes back.')), 0, 300, 120);
	span(s.taboption('limits', form.Value, 'attack_stopped_after', _('An attack counts as over after'), _('Without a stopped packet.')), 1, 86400, 60);
	number(s.taboption('limits', form.Value, 'max_mitigations', _('Most requests at a time'), _('Further requests are turned down.')), 1, 10000, 256);
	number(s.taboption('limits', form.Value, 'request_rate', _('Most requests a second'), _('That one provider may make.')), 1, 10000, 20);
	number(s.taboption('limits', form.Value, 'min_target_prefix4', _('Widest IPv4 target'), _('As a prefix length: 24 means 256 addresses. Requests to cut you off from more are refused.')), 0, 32, 24);
	number(s.taboption('limits', form.Value, 'min_target_prefix6', _('Widest IPv6 target'), _('As a prefix length.')), 0, 128, 48);
	number(s.taboption('limits', form.Value, 'max_target_addresses', _('Most addresses in a request'), _('Replaces the two above: one request may then cut you off from this many addresses, however wide. For providers that are attacked on all their addresses at once. 0: the two above hold.')), 0, 16777216, 0);
	s.taboption('limits', form.Flag, 'allow_internal_sources', _('Provider may name home addresses'), _('Leave this off unless your provider manages your home network.'));

	o = s.taboption('system', form.DynamicList, 'lan_device', _('Network devices at home'), _('Leave empty: the router finds them by itself.'));
	o.placeholder = 'br-lan';
	o = s.taboption('system', form.DynamicList, 'wan_device', _('Network devices to the internet'), _('Leave empty: the router finds them by itself.'));
	o.placeholder = 'wan';
	o = s.taboption('system', form.DynamicList, 'source_scope', _('More addresses that are yours'), _('Only needed if your public address is not on this router.'));
	o.datatype = 'or(ipaddr,cidr)';
	o = s.taboption('system', form.DynamicList, 'lease_file', _('Lease files'), _('Where the names of devices come from. Leave empty for those of OpenWrt.'));
	o.placeholder = '/tmp/dhcp.leases';
	file(s.taboption('system', form.Value, 'state_dir', _('Folder for what is remembered'), _('Must survive a restart.')), '/etc/dots-callhome');
	file(s.taboption('system', form.Value, 'control_socket', _('Control socket'), _('For the commands. Takes effect after a restart.')), '/var/run/dots-callhome.sock');
	o = s.taboption('system', form.Value, 'ubus_socket', _('ubus socket'), _('This page needs it. The word none: no ubus.'));
	o.placeholder = '/var/run/ubus/ubus.sock';
	choice(s.taboption('system', form.ListValue, 'log_level', _('Log'), _('How much is written to the system log.')),
		[ [ 'error', _('Errors only') ], [ 'warn', _('Warnings') ], [ 'info', _('Normal') ], [ 'debug', _('Everything') ] ], 'info');
}

/* The last section is opened by who looks for it. */
function folded(page) {
	const sections = page.querySelectorAll ? page.querySelectorAll('.cbi-section') : [];
	const last = sections[sections.length - 1];
	const title = last && last.querySelector('h3, legend');
	if (!title)
		return page;
	const box = document.createElement('details');
	const summary = document.createElement('summary');
	box.className = 'dch';
	summary.textContent = title.textContent;
	title.remove();
	last.parentNode.insertBefore(box, last);
	box.appendChild(summary);
	box.appendChild(last);
	const style = document.createElement('link');
	style.rel = 'stylesheet';
	style.href = L.resource('dots-callhome/style.css');
	box.appendChild(style);
	return page;
}

return view.extend({
	render: function() {
		const m = new form.Map(settings.name, _('Settings'), _('Your provider may tell this router that a device in your home is attacking a stranger. Here you choose what happens then.'));
		document.title = '%s – %s'.format(_('Settings'), _('Outgoing attacks'));
		[ providers, rules, messages, devices, forExperts ].forEach(add => add(m));
		return Promise.resolve(m.render()).then(page => page ? folded(page) : page);
	}
});
