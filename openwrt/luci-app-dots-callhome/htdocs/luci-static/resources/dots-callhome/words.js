'use strict';
'require baseclass';

/* What is said to the owner. Pure: from what the daemon answers to text; never markup. */

const services = { 22: 'SSH', 25: _('mail'), 53: _('names, DNS'), 80: _('web'), 123: _('time, NTP'), 443: _('web'), 587: _('mail'), 853: _('names, DNS'), 8080: _('web') };
const longest = 48;

/* Hostile text: control and direction characters would reorder or hide what stands around it. */
function clean(text) {
	const safe = ('' + text).replace(/[\u0000-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g, '').trim();
	const signs = Array.from(safe);
	return signs.length > longest ? signs.slice(0, longest - 1).join('') + '…' : safe;
}

function number(n) {
	return Number(n || 0).toLocaleString();
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
	const clock = date.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
	return sameDay ? clock : date.toLocaleDateString() + ' ' + clock;
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
	const prefixes = (asked.prefixes || []).concat(asked.fqdns || [], asked.uris || []).map(prefix => clean(prefix).replace(/\/(32|128)$/, ''));
	const first = prefixes.length > 1 ? _('%s and %d more').format(prefixes[0], prefixes.length - 1) : prefixes[0] || '?';
	const ports = asked.ports || [];
	if (ports.length == 0)
		return first;
	const range = ports[0][0] == ports[0][1] ? '' + ports[0][0] : ports[0].join('–');
	const service = ports[0][0] == ports[0][1] ? services[ports[0][0]] : null;
	const text = (service ? _('%s, port %s').format(service, range) : _('port %s').format(range)) + (ports.length > 1 ? ' …' : '');
	return '%s (%s)'.format(first, text);
}

/* What was seen of all devices together. */
function evidence(mitigation) {
	const sum = { packets: 0, flows: 0, seconds: 0 };
	(mitigation.devices || []).forEach(device => {
		const seen = device.evidence || {};
		sum.packets += seen.packets || 0;
		sum.flows += seen.flows || 0;
		const first = timeOf(seen.first_seen), last = timeOf(seen.last_seen);
		if (first != null && last != null)
			sum.seconds = Math.max(sum.seconds, (last - first) / 1000);
	});
	return sum;
}

const stopped = { block: _('Blocked.'), limit: _('Slowed down.'), quarantine: _('Cut off completely.'), observe: _('Only watched, nothing is blocked.') };
const outcomes = {
	withdrawn: _('Your provider says that it is over.'),
	expired: _('The time was over.'),
	denied: _('Left alone: not an attack.'),
	released: _('The block was undone.'),
	overridden: _('Replaced by a newer request of your provider.'),
	rejected: _('Left alone, as your rules say.'),
	unattributed: _('No device was found.')
};

return baseclass.extend({
	clean: clean, number: number, timeOf: timeOf, when: when, duration: duration, place: place, isRandomMac: isRandomMac,
	deviceName: deviceName, names: names, target: target, evidence: evidence, certaintyOf: certaintyOf, isPlausible: isPlausible,

	title: function(mitigation) {
		const devices = mitigation.devices || [];
		if (devices.length == 0)
			return _('A device in your home is attacking a stranger');
		if (certaintyOf(mitigation) == 'likely')
			return _('%s is probably attacking a stranger').format(names(mitigation));
		return (devices.length > 1 && !isUnsure(mitigation) ? _('%s are attacking a stranger') : _('%s is attacking a stranger')).format(names(mitigation));
	},

	plea: function(mitigation) {
		return (mitigation.devices || []).length == 0
			? _('Your internet provider sees it, but we do not know yet which device it is. We keep looking.')
			: _('Your internet provider asks you to stop it.');
	},

	figures: function(mitigation) {
		const seen = evidence(mitigation);
		const to = target(mitigation);
		if (seen.packets > 0 && seen.seconds >= 1)
			return _('It is sending %s packets a second to %s, for %s.').format(number(Math.max(1, Math.round(seen.packets / seen.seconds))), to, duration(seen.seconds));
		if (seen.packets > 0)
			return _('It has sent %s packets to %s.').format(number(seen.packets), to);
		if (seen.flows > 0)
			return _('It has %s connections open to %s.').format(number(seen.flows), to);
		return _('The target is %s.').format(to);
	},

	certainty: function(mitigation) {
		return {
			exact: _('We are sure it is this device: we saw its packets.'),
			likely: _('It is probably this device: what we saw fits, but is not proof.'),
			ambiguous: _('It is one of these devices, we cannot tell which.'),
			unknown: ''
		}[certaintyOf(mitigation)];
	},

	promise: function(mitigation) {
		const who = (mitigation.devices || []).length == 1 ? deviceName(mitigation.devices[0]) : _('The device');
		return _('“Block it” blocks only this target. %s keeps working for everything else. You can undo it at any time.').format(who);
	},

	stopped: function(mitigation) {
		if (mitigation.state == 'terminating')
			return _('Your provider says that it is over. The block ends in a moment.');
		return stopped[mitigation.action] || stopped.block;
	},

	soFar: function(mitigation) {
		const packets = (mitigation.dropped || {}).packets || 0;
		return N_(packets, '1 packet stopped so far.', '%s packets stopped so far.').format(number(packets));
	},

	until: function(mitigation) {
		return mitigation.expires_at == null ? _('Until you undo it.') : _('Until %s, unless your provider asks for longer.').format(when(mitigation.expires_at));
	},

	ended: function(mitigation) {
		return outcomes[mitigation.outcome] || _('It is over.');
	},

	outcome: function(outcome) {
		return outcomes[outcome] || _('It is over.');
	},

	/* Whether this browser and the router disagree about the time, as far as one can see. */
	clocksDiffer: function(times) {
		return times.map(timeOf).some(at => at != null && (!isPlausible(at) || at > Date.now() + 120000));
	}
});
