'use strict';
'require baseclass';

/* Spans of time as people write them, in LuCI's language: 15 minutes. Pure. */

const units = [
	{ seconds: 86400, short: 'd', text: n => N_(n, '1 day', '%d days').format(n) },
	{ seconds: 3600, short: 'h', text: n => N_(n, '1 hour', '%d hours').format(n) },
	{ seconds: 60, short: 'min', text: n => N_(n, '1 minute', '%d minutes').format(n) },
	{ seconds: 1, short: 's', text: n => N_(n, '1 second', '%d seconds').format(n) }
];
const plain = text => ('' + text).toLowerCase().replace(/\s+/g, '');

return baseclass.extend({
	/* In the largest unit that it is whole in; zero is zero. */
	inWords: function(seconds) {
		const n = Number(seconds);
		const unit = n > 0 && units.find(each => n % each.seconds == 0) || units[3];
		return unit.text(n / unit.seconds);
	},

	/* Of words as above, or of a number with s, min, h or d, or without for seconds; null for anything else. */
	toSeconds: function(text) {
		const digits = /\d+/.exec(text);
		const n = digits ? Number(digits[0]) : NaN;
		if (isNaN(n) || n > 1e10)
			return null;
		if (plain(text) == digits[0])
			return n;
		const unit = units.find(each => [ each.text(n), each.text(2).replace('2', n), n + each.short ].some(form => plain(form) == plain(text)));
		return unit ? n * unit.seconds : null;
	}
});
