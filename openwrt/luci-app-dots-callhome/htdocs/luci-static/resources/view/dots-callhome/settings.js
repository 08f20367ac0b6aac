'use strict';
'require view';
'require form';

const number = (section, tab, name, title, lowest, highest, fallback, help) => {
	const option = section.taboption(tab, form.Value, name, title, help);
	option.datatype = 'and(uinteger,range(%d,%d))'.format(lowest, highest);
	option.placeholder = '' + fallback;
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

const url = (section_id, value, option) => {
	const type = option.section.formvalue(section_id, 'type');
	const fits = type == 'mqtt' ? /^(mqtts?|wss?):\/\/[^\s/]+/ : /^https?:\/\/[^\s/]+/;
	return value == '' || fits.test(value) ? true : type == 'mqtt' ? _('For example mqtts://broker.lan:8883') : _('For example https://ntfy.sh/a-long-secret-name');
};

return view.extend({
	render: function() {
		let s, o;
		const m = new form.Map('dots-callhome', _('Settings'), _('Your provider may tell this router that a device in your home attacks a stranger. Here you set what happens then.'));

		s = m.section(form.NamedSection, 'globals', 'globals');
		s.addremove = false;
		s.tab('rules', _('What happens'));
		s.tab('limits', _('Limits'));
		s.tab('system', _('Router'));
		o = s.taboption('rules', form.Flag, 'enabled', _('Switched on'), _('Off: the router does nothing at all, your provider cannot warn you.'));
		o.default = '1';
		o.rmempty = false;
		choice(s.taboption('rules', form.ListValue, 'consent', _('When a device is reported'), _('What holds for all devices that have no rule of their own.')),
			[ [ 'ask', _('Ask me') ], [ 'auto', _('Stop it at once') ], [ 'observe', _('Only watch, never block') ] ], 'ask');
		choice(s.taboption('rules', form.ListValue, 'action', _('How it is stopped'), _('“Block” cuts it off from the attacked target only.')),
			[ [ 'block', _('Block the target') ], [ 'limit', _('Slow it down') ], [ 'quarantine', _('Cut it off completely') ] ], 'block');
		number(s, 'rules', 'limit_rate', _('Packets a second, when slowed down'), 1, 1000000, 10, _('So many packets may still reach the target.'));
		number(s, 'rules', 'consent_timeout', _('How long a question waits'), 1, 604800, 900, _('In seconds; 900 are 15 minutes.'));
		choice(s.taboption('rules', form.ListValue, 'on_timeout', _('When nobody answers'), _('What happens after that time.')),
			[ [ 'deny', _('Leave the device alone') ], [ 'block', _('Stop it') ] ], 'deny');
		choice(s.taboption('rules', form.ListValue, 'while_pending', _('Until you answer'), _('Slowing down hurts little if it was a mistake.')),
			[ [ 'none', _('Do nothing') ], [ 'limit', _('Slow it down gently') ] ], 'none');
		o = s.taboption('rules', form.DynamicList, 'never_block', _('Never block'), _('Addresses, networks or hardware addresses (MAC), such as 192.168.1.2 or aa:bb:cc:dd:ee:ff.'));
		o.datatype = 'or(ipaddr,cidr,macaddr)';

		number(s, 'limits', 'max_lifetime', _('Longest duration'), 0, 4294967295, 86400, _('In seconds; longer requests are shortened. 0: no limit.'));
		number(s, 'limits', 'terminating_period', _('Time to end'), 0, 300, 120, _('In seconds: so long a block stays after your provider has withdrawn its request, in case the attack comes back.'));
		number(s, 'limits', 'attack_stopped_after', _('Attack counts as over after'), 1, 86400, 60, _('In seconds without a stopped packet.'));
		number(s, 'limits', 'max_mitigations', _('Most requests at a time'), 1, 10000, 256, _('Further requests are turned down.'));
		number(s, 'limits', 'request_rate', _('Most requests a second'), 1, 10000, 20, _('That one provider may make.'));
		number(s, 'limits', 'min_target_prefix4', _('Widest IPv4 target'), 0, 32, 24, _('As a prefix length: 24 are 256 addresses. Requests to cut you off from more are refused.'));
		number(s, 'limits', 'min_target_prefix6', _('Widest IPv6 target'), 0, 128, 48, _('As a prefix length.'));
		number(s, 'limits', 'max_target_addresses', _('Most addresses in a request'), 0, 16777216, 0, _('Replaces the two above: one request may then cut you off from this many addresses, however wide. For providers that are attacked on all their addresses at once. 0: the two above hold.'));
		o = s.taboption('limits', form.Flag, 'allow_internal_sources', _('Provider may name home addresses'), _('Leave this off unless your provider manages your home network.'));

		o = s.taboption('system', form.DynamicList, 'lan_device', _('Network devices at home'), _('Leave empty: they are found by themselves.'));
		o.placeholder = 'br-lan';
		o = s.taboption('system', form.DynamicList, 'wan_device', _('Network devices to the internet'), _('Leave empty: they are found by themselves.'));
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

		s = m.section(form.TypedSection, 'upstream', _('Internet providers'), _('You get these values from your provider. Give each one a short name without spaces.'));
		s.addremove = true;
		s.anonymous = false;
		o = s.option(form.Flag, 'enabled', _('Switched on'), _('The router keeps a connection with this provider.'));
		o.default = '1';
		o.rmempty = false;
		o = s.option(form.Value, 'host', _('Address'), _('Name or address that the router calls.'));
		o.datatype = 'host';
		o.placeholder = 'dots.isp.example';
		o.rmempty = false;
		o = s.option(form.Value, 'port', _('Port'), _('Your provider names it. The default is 4647.'));
		o.datatype = 'port';
		o.placeholder = '4647';
		choice(s.option(form.ListValue, 'transport', _('Way'), _('Automatic takes what answers first.')), [ [ 'auto', _('Automatic') ], [ 'udp', _('DTLS over UDP') ], [ 'tcp', _('TLS over TCP') ] ], 'auto');
		choice(s.option(form.ListValue, 'auth', _('Proof of identity'), _('How the router and your provider know each other.')), [ [ 'psk', _('Shared key') ], [ 'certificate', _('Certificates') ] ], 'psk');
		o = s.option(form.Value, 'psk_identity', _('Identity'), _('How the router names itself.'));
		o.depends('auth', 'psk');
		o.placeholder = 'cpe-0001';
		o = file(s.option(form.Value, 'psk_file', _('File with the shared key'), _('One line. The key itself is never shown here; only root may read the file (chmod 600).')), '/etc/dots-callhome/isp.psk');
		o.depends('auth', 'psk');
		o = file(s.option(form.Value, 'ca_file', _('File with the provider’s authority'), _('PEM: who may sign the provider’s certificate.')), '/etc/dots-callhome/isp-ca.pem');
		o.depends('auth', 'certificate');
		o = file(s.option(form.Value, 'cert_file', _('File with the router’s certificate'), _('PEM, with its chain.')), '/etc/dots-callhome/router.pem');
		o.depends('auth', 'certificate');
		o = file(s.option(form.Value, 'key_file', _('File with the router’s private key'), _('PEM. Never shown here; only root may read the file (chmod 600).')), '/etc/dots-callhome/router.key');
		o.depends('auth', 'certificate');
		o = s.option(form.Value, 'server_name', _('Name in the certificate'), _('If it differs from the address.'));
		o.datatype = 'hostname';
		o.depends('auth', 'certificate');
		s.option(form.Value, 'bind_device', _('Call through'), _('A network device, if you have several providers. Otherwise leave empty.'));

		s = m.section(form.TypedSection, 'device', _('Names and rules of devices'), _('What you choose under Devices wins over the rule here.'));
		s.addremove = true;
		s.anonymous = true;
		o = s.option(form.Value, 'mac', _('Hardware address (MAC)'), _('Which device.'));
		o.datatype = 'macaddr';
		o.rmempty = false;
		o = s.option(form.Value, 'name', _('Name'), _('How you call it.'));
		o.datatype = 'maxlength(63)';
		choice(s.option(form.ListValue, 'policy', _('When it is reported'), _('Empty: as for all devices.')),
			[ [ '', _('As for all devices') ], [ 'ask', _('Ask me') ], [ 'auto', _('Stop it at once') ], [ 'never', _('Leave it alone, never ask') ] ]).optional = true;
		choice(s.option(form.ListValue, 'action', _('How it is stopped'), _('Empty: as for all devices.')),
			[ [ '', _('As for all devices') ], [ 'block', _('Block the target') ], [ 'limit', _('Slow it down') ], [ 'quarantine', _('Cut it off completely') ] ]).optional = true;

		s = m.section(form.TypedSection, 'notify', _('Messages to your phone'), _('You hear of a question once, are reminded once, and hear how it ended.'));
		s.addremove = true;
		s.anonymous = false;
		choice(s.option(form.ListValue, 'type', _('Kind'), _('What listens there.')), [ [ 'mqtt', _('MQTT, Home Assistant') ], [ 'ntfy', 'ntfy' ], [ 'webhook', 'Webhook' ] ], 'ntfy');
		o = s.option(form.Value, 'url', _('Address'), _('Encrypted ones begin with https or mqtts.'));
		o.rmempty = false;
		o.validate = function(section_id, value) { return url(section_id, value, this); };
		choice(s.option(form.ListValue, 'language', _('Language'), _('Of the messages.')), [ [ 'en', 'English' ], [ 'de', 'Deutsch' ], [ 'es', 'Español' ], [ 'zh_Hans', '简体中文' ], [ 'ja', '日本語' ] ], 'en');
		o = s.option(form.Value, 'page', _('Address of this page'), _('For the buttons of a message, such as https://192.168.1.1. They open this page.'));
		o.validate = (section_id, value) => value == '' || /^https?:\/\/[^\s]+$/.test(value) ? true : _('For example https://192.168.1.1');
		s.option(form.Value, 'username', _('User name'), _('If the server wants one.'));
		file(s.option(form.Value, 'password_file', _('File with the password'), _('One line: password, token, or the key that signs webhooks. Never shown here; only root may read the file (chmod 600).')), '/etc/dots-callhome/phone.password');
		file(s.option(form.Value, 'ca_file', _('File with the server’s authority'), _('PEM, if the server’s certificate is not publicly signed.')), '/etc/dots-callhome/broker-ca.pem');
		o = s.option(form.Value, 'topic_prefix', _('First part of every topic'), _('MQTT only.'));
		o.placeholder = 'dots-callhome';
		o.depends('type', 'mqtt');
		o = s.option(form.Flag, 'homeassistant', _('Home Assistant'), _('Announces sensors and questions to Home Assistant.'));
		o.default = '1';
		o.rmempty = false;
		o.depends('type', 'mqtt');
		o = s.option(form.Flag, 'commands', _('Answers over MQTT'), _('Whoever may write to the broker can then block and unblock devices. Only with encryption and a password.'));
		o.depends('type', 'mqtt');
		o = s.option(form.MultiValue, 'event', _('Tell about'), _('None chosen: all.'));
		[ [ 'request', _('Questions') ], [ 'blocked', _('Something was blocked') ], [ 'ended', _('It is over') ], [ 'upstream_down', _('Provider not reachable') ], [ 'upstream_up', _('Provider reachable again') ] ].forEach(each => o.value(each[0], each[1]));

		return m.render();
	}
});
