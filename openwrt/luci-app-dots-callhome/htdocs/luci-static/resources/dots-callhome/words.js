'use strict';
'require baseclass';
'require dots-callhome.things as things';

/* What is said to the owner. Pure: from what the daemon answers to text; never markup. */

const services = { 22: 'SSH', 25: _('mail'), 53: _('names, DNS'), 80: _('web'), 123: _('time, NTP'), 443: _('web'), 587: _('mail'), 853: _('names, DNS'), 8080: _('web') };
const longest = 48;

/* LuCI's language, and not the browser's. */
function language() {
	const tag = document.documentElement.lang;
	try {
		return tag ? Intl.getCanonicalLocales(tag) : [];
	} catch (error) {
		return [];
	}
}

/* Hostile text: control and direction characters would reorder or hide what stands around it. */
function clean(text) {
	const safe = ('' + text).replace(/[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g, '').trim();
	const signs = Array.from(safe);
	return signs.length > longest ? signs.slice(0, longest - 1).join('') + '…' : safe;
}

function number(n) {
	return Number(n || 0).toLocaleString(language());
}

function timeOf(iso) {
	const at = iso == null ? NaN : Date.parse(iso);
	return isNaN(at) ? null : at;
}

/* A router without a battery begins in the past until it hears the time. */
function isPlausible(at) {
	return at != null && at > Date.UTC(2024, 0, 1);
}

function duration(seconds) {
	if (seconds < 60)
		return N_(Math.max(1, Math.round(seconds)), '1 second', '%d seconds').format(Math.max(1, Math.round(seconds)));
	if (seconds < 5400)
		return N_(Math.round(seconds / 60), '1 minute', '%d minutes').format(Math.round(seconds / 60));
	if (seconds < 129600)
		return N_(Math.round(seconds / 3600), '1 hour', '%d hours').format(Math.round(seconds / 3600));
	return N_(Math.round(seconds / 86400), '1 day', '%d days').format(Math.round(seconds / 86400));
}

function when(iso) {
	const at = timeOf(iso);
	if (!isPlausible(at))
		return _('at an unknown time');
	const date = new Date(at);
	const sameDay = new Date().toDateString() == date.toDateString();
	const clock = date.toLocaleTimeString(language(), { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
	return sameDay ? clock : date.toLocaleDateString(language(), Object.assign({ day: 'numeric', month: 'short' }, date.getFullYear() == new Date().getFullYear() ? {} : { year: 'numeric' })) + ' ' + clock;
}

/* A rate, for people. */
function perSecond(packets) {
	return number(packets >= 10 ? Math.round(packets) : Math.round(packets * 10) / 10);
}

function place(port) {
	if (!port)
		return '';
	const ssid = /^Wi-Fi(?: "(.*)")?$/.exec(port);
	if (ssid)
		return ssid[1] && clean(ssid[1]) ? _('on Wi-Fi “%s”').format(clean(ssid[1])) : _('on Wi-Fi');
	return /^(wl|phy|ath|ra\d|wifi)/.test(port) ? _('on Wi-Fi (%s)').format(clean(port)) : _('plugged into %s').format(clean(port));
}

function isRandomMac(mac) {
	return /^.[26ae]/i.test(mac || '');
}

function deviceName(device) {
	if (device.name && clean(device.name))
		return clean(device.name);
	const where = place(device.port);
	const what = device.vendor && clean(device.vendor) ? _('A device by %s').format(clean(device.vendor))
		: device.mac ? _('A device without a name') : _('A device with the address %s').format(clean((device.addresses || [])[0] || '?'));
	return where ? '%s %s'.format(what, where) : what;
}

function names(mitigation) {
	const all = (mitigation.devices || []).map(deviceName);
	if (all.length < 2)
		return all[0] || _('A device');
	if (all.length > 2)
		return _('%d devices').format(all.length);
	return (isUnsure(mitigation) ? _('%s or %s') : _('%s and %s')).format(all[0], all[1]);
}

function isUnsure(mitigation) {
	return (mitigation.devices || []).some(device => device.certainty == 'ambiguous');
}

function certaintyOf(mitigation) {
	const devices = mitigation.devices || [];
	if (devices.length == 0)
		return 'unknown';
	return isUnsure(mitigation) ? 'ambiguous' : devices.some(device => device.certainty == 'likely') ? 'likely' : 'exact';
}

function target(mitigation) {
	const asked = mitigation.target || {};
	const prefixes = (asked.prefixes || []).concat(asked.fqdns || [], asked.uris || []).map(bare);
	const first = prefixes.length > 1 ? _('%s and %d more').format(prefixes[0], prefixes.length - 1) : prefixes[0] || '?';
	const ports = asked.ports || [];
	if (ports.length == 0)
		return first;
	const range = ports[0][0] == ports[0][1] ? '' + ports[0][0] : ports[0].join('–');
	const service = ports[0][0] == ports[0][1] ? services[ports[0][0]] : null;
	const text = (service ? _('%s, port %s').format(service, range) : _('port %s').format(range)) + (ports.length > 1 ? ' …' : '');
	return '%s (%s)'.format(first, text);
}

/* A single address is written without its prefix length. */
function bare(prefix) {
	return clean(prefix).replace(/\/(32|128)$/, '');
}

const outcomes = {
	withdrawn: _('Your provider says the attack has stopped.'),
	expired: _('The time that your provider asked for is up.'),
	denied: _('Left alone: not an attack.'),
	released: _('The block was undone.'),
	overridden: _('Replaced by a newer request of your provider.'),
	rejected: _('Left alone, as your rules say.'),
	unattributed: _('No device was found.')
};

/* The packets carry the address of one device and come from another. */
function forgery(mitigation) {
	return (mitigation.devices || []).filter(device => device.instead_of).map(device => {
		const before = device.instead_of;
		return _('The packets carry the address %s of %s, but come from %s.').format(clean(before.address), deviceName({ mac: before.mac, name: before.name, addresses: [ before.address ] }), deviceName(device));
	}).join(' ');
}

const severities = { low: _('mild'), medium: _('moderate'), high: _('severe') };
const gravity = [ 'low', 'medium', 'high' ];

/* What the provider knows of the attack: of the gravest one. Its text comes from the network. */
function report(mitigation) {
	const known = mitigation.report;
	if (!known)
		return '';
	const gravest = (known.attacks || []).slice().sort((a, b) => gravity.indexOf(b.severity) - gravity.indexOf(a.severity))[0] || {};
	const bits = known.bits_per_second;
	const rate = bits == null || bits > 1e15 ? '' : bits >= 1e9 ? '%s Gbit/s'.format(perSecond(bits / 1e9)) : '%s Mbit/s'.format(perSecond(bits / 1e6));
	const parts = [ gravest.description ? clean(gravest.description) : '', severities[gravest.severity] || '', timeOf(gravest.started_at) ? _('since %s').format(when(gravest.started_at)) : '', rate ? _('%s at the target').format(rate) : '' ].filter(text => text);
	return parts.length > 0 ? _('Your provider reports: %s.').format(parts.join(', ')) : '';
}

/* All targets of a thing. */
function targets(thing) {
	const more = thing.group.length - 1;
	return more > 0 ? _('%s and %d more').format(target(thing.group[0]), more) : target(thing.group[0]);
}

/* How fast, while it sends; what was, in the past tense and with its time. */
function pace(thing) {
	const live = things.trafficOf(thing.group);
	const to = targets(thing);
	if (live.isSending && live.now) {
		if (live.pausedAt)
			return _('It sends again, after it had stopped at %s: %s packets a second to %s.').format(when(live.pausedAt), perSecond(live.now.sent), to);
		const first = timeOf(things.evidenceOf(thing.group, thing.now).first), now = timeOf(thing.now);
		if (isPlausible(first) && isPlausible(now) && now - first >= 1000)
			return _('It has been sending %s packets a second to %s for %s.').format(perSecond(live.now.sent), to, duration((now - first) / 1000));
		return _('It is sending %s packets a second to %s.').format(perSecond(live.now.sent), to);
	}
	if (live.lastSentAt && !live.isSending)
		return _('It stopped by itself at %s. Until then it sent to %s.').format(when(live.lastSentAt), to);
	return past(thing, to);
}

function past(thing, to) {
	const seen = things.evidenceOf(thing.group, thing.now);
	if (seen.packets > 0 && seen.seconds >= 1)
		return seen.isFresh ? _('It has just sent %s packets a second to %s, for %s.').format(perSecond(Math.max(1, seen.packets / seen.seconds)), to, duration(seen.seconds))
			: _('It sent %s packets a second to %s, for %s, until %s.').format(perSecond(Math.max(1, seen.packets / seen.seconds)), to, duration(seen.seconds), when(seen.last));
	if (seen.packets > 0 && seen.last)
		return _('It sent %s packets to %s, the last at %s.').format(number(seen.packets), to, when(seen.last));
	if (seen.packets > 0)
		return _('It sent %s packets to %s.').format(number(seen.packets), to);
	if (seen.flows > 0)
		return _('It had connections to %s: %s.').format(to, number(seen.flows));
	return _('The target is %s.').format(to);
}

/* What a block does to what the device still sends. */
function effect(thing) {
	const live = things.trafficOf(thing.group);
	if (live.isSending && live.now) {
		const sent = perSecond(live.now.sent);
		return live.now.passed < 0.5 ? _('It still sends %s packets a second, and none gets through.').format(sent)
			: _('It still sends %s packets a second, and %s of them get through.').format(sent, perSecond(live.now.passed));
	}
	return live.lastSentAt ? _('It stopped by itself at %s.').format(when(live.lastSentAt)) : '';
}

/* Whether it goes on, as far as anybody knows: what was is not told in the present tense. */
function isGoingOn(thing) {
	const live = things.trafficOf(thing.group);
	const seen = things.evidenceOf(thing.group, thing.now);
	return live.isSending || !live.lastSentAt && (seen.isFresh || seen.last == null || thing.now == null);
}

function isInForce(thing) {
	return thing.group.every(each => each.in_force !== false);
}

const isFound = thing => (thing.group[0].devices || []).length > 0;

const letGo = {
	denied: _('You said that this is not an attack. Your provider was told, and still asks you to stop it.'),
	undone: _('You undid the block. Your provider still asks you to stop it.'),
	'time-over': _('The time that you chose for the block is up. Your provider still asks you to stop it.'),
	'taken-back': _('You took back what you had said. When your provider asks again, so do we.'),
	unanswered: _('Nobody answered in time, so it was left alone. Your provider still asks you to stop it.'),
	'other-no': _('You said that another request about this is not an attack. Your provider still asks you to stop it.'),
	never: _('You chose never to be asked about this device. Your provider still asks you to stop it.'),
	'protected': _('It is on your list “Never block”. Your provider still asks you to stop it.')
};

return baseclass.extend({
	clean: clean, number: number, timeOf: timeOf, when: when, duration: duration, place: place, isRandomMac: isRandomMac,
	deviceName: deviceName, names: names, target: target, bare: bare, certaintyOf: certaintyOf, isPlausible: isPlausible, forgery: forgery, report: report,

	title: function(thing) {
		const first = thing.group[0];
		const who = names(first), to = targets(thing), many = (first.devices || []).length > 1 && !isUnsure(first);
		if (thing.kind == 'holds') {
			if (!isFound(thing))
				return _('Waiting for the device to be found');
			if (!isInForce(thing))
				return _('%s is not blocked yet').format(who);
			const doing = first.acts_as || first.action;
			return doing == 'limit' ? _('%s is slowed down towards %s').format(who, to)
				: doing == 'quarantine' ? _('%s is cut off completely').format(who) : _('%s can no longer reach %s').format(who, to);
		}
		if (thing.kind == 'alone')
			return first.left_alone.why == 'unanswered' ? _('%s may go on sending to %s').format(who, to) : _('You let %s send to %s').format(who, to);
		if (!isFound(thing))
			return _('A device in your home is attacking a stranger');
		if (!isGoingOn(thing))
			return (certaintyOf(first) == 'likely' ? _('%s has probably attacked a stranger') : many ? _('%s have attacked a stranger') : _('%s has attacked a stranger')).format(who);
		if (certaintyOf(first) == 'likely')
			return _('%s is probably attacking a stranger').format(who);
		return (many ? _('%s are attacking a stranger') : _('%s is attacking a stranger')).format(who);
	},

	/* The plain sentence below the title. */
	plea: function(thing) {
		const first = thing.group[0];
		switch (thing.kind) {
		case 'alone': return letGo[first.left_alone.why] || letGo.undone;
		case 'watched': return _('Your internet provider reports it. As you have set it, nothing is blocked.');
		case 'holds':
			if (first.state == 'terminating')
				return _('Your provider says the attack has stopped. The block ends in a moment.');
			if (!isFound(thing))
				return _('Until it is found, what your provider reported is stopped where it leaves your home.');
			if (!isInForce(thing))
				return _('The router has not put the rules in force yet. It keeps trying.');
			return first.acts_as ? _('It is cut off completely as soon as its packets are seen.')
				: first.action == 'quarantine' ? _('It has no internet and reaches no other device.') : first.action == 'limit' ? _('A few packets a second still get through.') : _('It keeps working for everything else.');
		default: return isFound(thing) ? _('Your internet provider asks you to stop it.')
			: _('Your internet provider sees it, but we do not know yet which device it is. We keep looking.');
		}
	},

	figures: function(thing) {
		if (thing.kind != 'holds')
			return pace(thing);
		const packets = thing.group.reduce((sum, each) => sum + ((each.dropped || {}).packets || 0), 0);
		return [ N_(packets, '1 packet stopped so far.', '%s packets stopped so far.').format(number(packets)), isFound(thing) ? effect(thing) : '' ].filter(text => text).join(' ');
	},

	certainty: function(thing) {
		if (thing.kind != 'asks' && thing.kind != 'watched')
			return '';
		return {
			exact: _('We are sure it is this device: we saw its packets.'),
			likely: _('It is probably this device: what we saw fits, but is not proof.'),
			ambiguous: _('It is one of these devices; we do not know which.'),
			unknown: ''
		}[certaintyOf(thing.group[0])];
	},

	promise: function(mitigation) {
		const who = (mitigation.devices || []).length == 1 ? deviceName(mitigation.devices[0]) : _('The device');
		return _('“Block it” blocks only this target. %s keeps working for everything else. You can undo it at any time.').format(who);
	},

	/* How long it stays as it is. */
	until: function(thing) {
		const first = thing.group[0];
		if (thing.kind == 'alone') {
			const { why, until } = first.left_alone;
			return why == 'taken-back' || why == 'never' || why == 'protected' || until == null ? '' : _('You are not asked about it again before %s.').format(when(until));
		}
		if (thing.kind != 'holds' || first.state == 'terminating')
			return '';
		return first.expires_at == null ? _('Until you undo it.') : _('Until %s, unless your provider asks for longer.').format(when(first.expires_at));
	},

	peak: function(points) {
		return perSecond(Math.max(0, ...points.map(point => point.sent)));
	},

	outcome: function(outcome) {
		return outcomes[outcome] || _('It is over.');
	},

	/* Whether this browser and the router disagree about the time, as far as one can see. */
	clocksDiffer: function(times) {
		return times.map(timeOf).some(at => at != null && (!isPlausible(at) || at > Date.now() + 120000));
	}
});
