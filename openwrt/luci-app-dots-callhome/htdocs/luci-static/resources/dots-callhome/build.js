'use strict';
'require baseclass';
'require dom';

/* Children are always an array: E() takes a lone string for markup, and what we show may come from the network. */
function node(tag, attributes) {
	return E(tag, attributes || {}, Array.prototype.slice.call(arguments, 2).filter(child => child != null && child !== ''));
}

function svg(tag, attributes, children) {
	const made = document.createElementNS('http://www.w3.org/2000/svg', tag);
	Object.keys(attributes).forEach(name => made.setAttribute(name, attributes[name]));
	(children || []).forEach(child => made.appendChild(child));
	return made;
}

function setText(element, text) {
	if (element.textContent !== text)
		element.textContent = text;
	element.hidden = text === '';
}

return baseclass.extend({
	node: node,
	svg: svg,
	setText: setText,

	/* Children in this order, moving no more than needed: what has the focus keeps it. */
	arrange: function(parent, wanted) {
		Array.prototype.slice.call(parent.childNodes).forEach(child => {
			if (wanted.indexOf(child) < 0)
				parent.removeChild(child);
		});
		wanted.forEach((child, at) => {
			if (parent.childNodes[at] !== child)
				parent.insertBefore(child, parent.childNodes[at] || null);
		});
	},

	/* A sentence with one link in it, where %s stands: the place is one of the app's own pages, or of LuCI's. */
	linked: function(sentence, place, text) {
		const parts = sentence.split('%s');
		return [ parts[0], node('a', { href: L.url(/^admin\//.test(place) ? place : 'admin/services/dots-callhome/' + place) }, text), parts.slice(1).join('%s') ];
	},

	/* The page of an app, with its style sheet and a region that reads news aloud. */
	page: function(title) {
		/* LuCI's own status page is called Overview, too. */
		document.title = title == _('Outgoing attacks') ? title : '%s – %s'.format(title, _('Outgoing attacks'));
		const body = node('div', { 'class': 'dch' },
			node('link', { rel: 'stylesheet', href: L.resource('dots-callhome/style.css') }),
			node('h2', { name: 'content' }, title));
		const voice = node('div', { 'class': 'dch-unseen', 'aria-live': 'polite', role: 'status' });
		const problem = node('div', { 'class': 'dch-line dch-bad', role: 'alert' });
		const told = node('div', { 'class': 'dch-line dch-good' });
		let until = 0;
		problem.hidden = told.hidden = true;
		dom.append(body, [ voice, problem, told ]);
		return {
			body: body,
			say: text => { voice.textContent = text; },
			/* What has been done and leaves no card: for a while. */
			tell: text => {
				voice.textContent = text;
				setText(told, text);
				window.setTimeout(() => { if (told.textContent == text) setText(told, ''); }, 20000);
			},
			focus: () => { const heading = body.querySelector('h2'); heading.tabIndex = -1; heading.focus(); },
			/* error: as daemon.ask() rejects with; null = all is well again. What was said of an action stays for a while, unless another one went well (done). */
			complain: (error, done) => {
				if (!error && !done && Date.now() < until)
					return;
				until = error && [ 'decided', 'gone', 'forbidden', 'refused', 'session' ].indexOf(error.kind) >= 0 ? Date.now() + 20000 : 0;
				setText(problem, error ? error.text + (error.detail && error.kind == 'refused' ? ' (%s)'.format(error.detail) : '') : '');
			}
		};
	},

	/* A button that is off while it works. The theme has no say in which of several is the brightest: only `main` ones are filled. */
	button: function(text, kind, click) {
		const made = node('button', { type: 'button', 'class': 'btn cbi-button dch-button' + (kind == 'main' ? ' cbi-button-apply important dch-main' : ''), click: function(event) {
			event.preventDefault();
			if (made.disabled)
				return;
			made.disabled = true;
			made.classList.add('spinning');
			const done = () => { made.disabled = false; made.classList.remove('spinning'); };
			Promise.resolve(click(event)).then(done, done);
		} }, text);
		return made;
	},

	mayChange: () => L.hasViewPermission() !== false
});
