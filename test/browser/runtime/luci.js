'use strict';
/*
 * A stand-in for the JavaScript runtime of LuCI, for the tests of this project only. It has the documented calls that our views use
 * (https://openwrt.github.io/luci/jsapi/) and nothing else, and behaves the same in what matters to them: E() takes a lone string for
 * markup, rpc resolves with a bare status number when ubus refuses, an ended session rejects with SessionError.
 * The tests also run on the real one: see README.md here.
 */
(function() {
	String.prototype.format = function(...values) {
		let at = 0;
		return this.replace(/%([sdh%])/g, (all, kind) => kind == '%' ? '%' : kind == 'd' ? '' + Math.trunc(+values[at++] || 0) : '' + values[at++]);
	};
	const translated = window.TRANSLATIONS || {};
	window._ = text => translated[text] || text;
	window.N_ = (n, one, many) => {
		const forms = translated[one + '\u0002' + many];
		return forms ? forms[forms.length > 1 && n != 1 ? 1 : 0] : n != 1 ? many : one;
	};

	const dom = {
		elem: value => typeof(value) == 'object' && value !== null && 'nodeType' in value,
		append(node, children) {
			if (Array.isArray(children))
				children.forEach(child => { if (child !== null && child !== undefined) node.appendChild(dom.elem(child) ? child : document.createTextNode('' + child)); });
			else if (dom.elem(children))
				node.appendChild(children);
			else if (children !== null && children !== undefined)
				node.innerHTML = '' + children; // as LuCI does: what is unsafe there must be unsafe here
			return node.lastChild;
		},
		content(node, children) {
			while (node.firstChild) node.removeChild(node.firstChild);
			return dom.append(node, children);
		},
		create(tag, attributes, children) {
			const node = document.createElement(tag);
			for (const name in attributes || {}) {
				const value = attributes[name];
				if (value === null || value === undefined) continue;
				if (typeof(value) == 'function') node.addEventListener(name, value);
				else node.setAttribute(name, value);
			}
			dom.append(node, children);
			return node;
		}
	};
	window.E = dom.create;

	const extend = (base, members) => {
		const Class = class extends base { constructor(...args) { super(...args); if (this.__init__ && new.target === Class) this.__init__(...args); } };
		Object.assign(Class.prototype, members);
		Class.extend = more => extend(Class, more);
		return Class;
	};
	const baseclass = { extend: members => extend(Object, members) };

	const poll = {
		entries: [],
		add(work, seconds) {
			const entry = { work, busy: false };
			poll.entries.push(entry);
			window.setInterval(() => {
				if (entry.busy) return;
				entry.busy = true;
				Promise.resolve().then(work).finally(() => { entry.busy = false; });
			}, (seconds || 5) * 1000);
		}
	};

	let nextId = 1;
	const post = (url, body) => window.fetch(url, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) }).then(response => {
		if (!response.ok) throw Object.assign(new Error('HTTP error %d'.format(response.status)), { name: 'RPCError' });
		return response.json();
	});
	const rpc = {
		getSessionID: () => L.env.sessionid,
		getBaseURL: () => L.env.ubuspath,
		declare: options => (...args) => {
			const params = {};
			(options.params || []).forEach((name, at) => { params[name] = args[at]; });
			return post(L.env.ubuspath, { jsonrpc: '2.0', id: nextId++, method: 'call', params: [ L.env.sessionid, options.object, options.method, params ] }).then(message => {
				if (message.error && message.error.code == -32002 && options.object != 'session')
					return rpc.declare({ object: 'session', method: 'access', params: [ 'scope', 'object', 'function' ] })('uci', 'luci', 'read').then(() => message, () => {
						ui.showModal(_('Session expired'), [ E('p', {}, [ _('A new login is required since the authentication session expired.') ]) ]);
						throw Object.assign(new Error('Login session is expired'), { name: 'SessionError' });
					});
				return message;
			}).then(message => {
				const fail = text => { throw Object.assign(new Error('RPC call to %s/%s failed with '.format(options.object, options.method) + text), { name: 'RPCError' }); };
				if (message.error) fail('error %d: %s'.format(message.error.code, message.error.message));
				if (options.reject && message.result[0] !== 0) fail('ubus code %d'.format(message.result[0]));
				let reply = message.result.length > 1 ? message.result[1] : message.result[0];
				for (const key in options.expect || {}) reply = reply && key ? reply[key] ?? options.expect[key] : reply ?? options.expect[key];
				return reply;
			});
		}
	};

	const ui = {
		showModal(title, children) {
			const modal = E('div', { 'class': 'modal', role: 'alertdialog' }, [ E('h4', {}, [ title ]) ].concat(children));
			document.body.appendChild(modal);
		},
		addNotification(title, children, ...classes) {
			const note = E('div', { 'class': [ 'alert-message' ].concat(classes).join(' ') }, title == null ? [] : [ E('h4', {}, [ title ]) ]);
			dom.append(note, children);
			const main = document.querySelector('#maincontent');
			main.insertBefore(note, main.firstChild);
			return note;
		}
	};

	const uciCall = (method, params) => rpc.declare({ object: 'uci', method, params, reject: true });
	/* As LuCI's: changes are local until save(), which sends them; apply() has them take effect. */
	const uci = {
		values: {}, changes: [],
		load: config => uciCall('get', [ 'config' ])(config).then(reply => { uci.values = reply.values; uci.changes = []; }),
		sections: (config, type) => Object.values(uci.values).filter(each => type == null || each['.type'] == type),
		get: (config, section, option) => (uci.values[section] || {})[option],
		set(config, section, option, value) {
			if (JSON.stringify(uci.get(config, section, option)) == JSON.stringify(value)) return;
			uci.values[section][option] = value;
			uci.changes.push(() => uciCall('set', [ 'config', 'section', 'values' ])(config, section, { [option]: value }));
		},
		unset(config, section, option) {
			if (uci.get(config, section, option) === undefined) return;
			delete uci.values[section][option];
			uci.changes.push(() => uciCall('delete', [ 'config', 'section', 'options' ])(config, section, [ option ]));
		},
		add(config, type, name) {
			const sid = name || 'new%d'.format(Object.keys(uci.values).length + 1);
			uci.values[sid] = { '.type': type, '.name': sid, '.anonymous': !name, '.index': Object.keys(uci.values).length };
			uci.changes.push(() => uciCall('add', [ 'config', 'type', 'name' ])(config, type, name || undefined));
			return sid;
		},
		remove(config, section) {
			delete uci.values[section];
			uci.changes.push(() => uciCall('delete', [ 'config', 'section' ])(config, section));
		},
		async save() { while (uci.changes.length > 0) await uci.changes.shift()(); },
		apply: timeout => uciCall('apply', [ 'timeout', 'rollback' ])(timeout, true).then(() => uciCall('confirm', [])())
	};

	const ip4 = text => /^(\d{1,3}\.){3}\d{1,3}$/.test(text) && text.split('.').every(part => part <= 255);
	const ip6 = text => /^[0-9a-f:]+$/i.test(text) && text.includes(':');
	const datatypes = {
		uinteger: text => /^\d+$/.test(text), range: (text, low, high) => +text >= low && +text <= high, port: text => /^\d+$/.test(text) && +text >= 1 && +text <= 65535,
		ipaddr: text => ip4(text) || ip6(text), cidr: text => { const [ address, length ] = text.split('/'); return length !== undefined && (ip4(address) ? length <= 32 : ip6(address) && length <= 128); },
		macaddr: text => /^([0-9a-f]{1,2}[:-]){5}[0-9a-f]{1,2}$/i.test(text), hostname: text => /^[a-z0-9_]([a-z0-9_.-]*[a-z0-9])?$/i.test(text),
		host: text => datatypes.hostname(text) || datatypes.ipaddr(text), maxlength: (text, most) => text.length <= most
	};
	const fits = (type, text) => {
		const [ , name, inner ] = /^(\w+)(?:\((.*)\))?$/.exec(type);
		const parts = []; let depth = 0, from = 0;
		for (let at = 0; at <= (inner || '').length; at++) {
			const sign = (inner || '')[at];
			if (sign == '(') depth++;
			if (sign == ')') depth--;
			if (at == (inner || '').length || sign == ',' && depth == 0) { if (inner) parts.push(inner.slice(from, at)); from = at + 1; }
		}
		if (name == 'and') return parts.every(each => fits(each, text));
		if (name == 'or') return parts.some(each => fits(each, text));
		if (!datatypes[name]) throw new Error('the stand-in has no datatype ' + name);
		return datatypes[name](text, ...parts.map(Number));
	};

	class Option {
		constructor(section, name, title, help) { Object.assign(this, { section, option: name, title, description: help, deps: [], keylist: [], widgets: {} }); }
		value(key, label) { this.keylist.push([ key, label ?? key ]); }
		depends(name, value) { this.deps.push(typeof(name) == 'object' ? Object.entries(name) : [ [ name, value ] ]); }
		cfgvalue(id) { return uci.get(this.section.map.config, id, this.option); }
		formvalue(id) { return this.widgets[id].read(); }
		isActive(id) { return this.deps.length == 0 || this.deps.some(all => all.every(([ name, value ]) => this.section.formvalue(id, name) == value)); }
		check(id) {
			const field = this.widgets[id];
			field.frame.hidden = !this.isActive(id);
			const given = this.formvalue(id);
			const values = Array.isArray(given) ? given : [ given ?? '' ];
			let problem = '';
			if (!field.frame.hidden) {
				if (this.rmempty === false && values.every(value => value === '')) problem = _('non-empty value');
				for (const value of values) {
					if (value !== '' && this.datatype && !fits(this.datatype, value)) problem = _('Expecting: %s').format(this.datatype);
					const verdict = this.validate ? this.validate.call(this, id, value) : true;
					if (verdict !== true) problem = verdict;
				}
			}
			field.problem.textContent = problem;
			field.frame.classList.toggle('cbi-value-error', problem !== '');
			return problem === '';
		}
		save(id) {
			const { config } = this.section.map;
			const value = this.formvalue(id);
			const isEmpty = value === '' || value == null || Array.isArray(value) && value.length == 0;
			if (!this.isActive(id)) return this.retain ? undefined : uci.unset(config, id, this.option);
			if (isEmpty || this.rmempty !== false && value === this.default) return this.remove ? this.remove(id) : uci.unset(config, id, this.option);
			if (JSON.stringify(value) == JSON.stringify(this.cfgvalue(id))) return;
			return this.write ? this.write(id, value) : uci.set(config, id, this.option, value);
		}
		render(id) {
			const domId = 'widget.cbid.%s.%s.%s'.format(this.section.map.config, id, this.option);
			const { node, read } = this.widget(id, domId);
			const problem = E('div', { 'class': 'cbi-value-problem', role: 'alert' }, []);
			const frame = E('div', { 'class': 'cbi-value', id: 'cbi-%s-%s-%s'.format(this.section.map.config, id, this.option) }, [
				E('label', { 'class': 'cbi-value-title', 'for': domId }, [ this.title ]),
				E('div', { 'class': 'cbi-value-field' }, [ node, E('div', { 'class': 'cbi-value-description' }, [ this.description || '' ]), problem ])
			]);
			this.widgets[id] = { frame, problem, read };
			frame.addEventListener('change', () => this.section.check(id));
			return frame;
		}
		widget(id, domId) {
			const input = E('input', { type: this.password ? 'password' : 'text', 'class': this.password ? 'cbi-input-password' : 'cbi-input-text', id: domId, placeholder: this.placeholder }, []);
			input.value = this.cfgvalue(id) ?? '';
			return { node: input, read: () => input.value.trim() };
		}
	}
	class TextValue extends Option {
		widget(id, domId) {
			const area = E('textarea', { id: domId, rows: this.rows || 3, placeholder: this.placeholder }, []);
			area.value = this.cfgvalue(id) ?? '';
			return { node: area, read: () => area.value.trim() };
		}
	}
	class ListValue extends Option {
		widget(id, domId) {
			const select = E('select', { 'class': 'cbi-input-select', id: domId }, this.keylist.map(([ key, label ]) => E('option', { value: key }, [ label ])));
			select.value = this.cfgvalue(id) ?? this.default ?? '';
			return { node: select, read: () => select.value };
		}
	}
	class Flag extends Option {
		widget(id, domId) {
			const box = E('input', { type: 'checkbox', id: domId }, []);
			box.checked = (this.cfgvalue(id) ?? this.default ?? '0') == '1';
			return { node: box, read: () => box.checked ? '1' : '0' };
		}
		save(id) { return this.formvalue(id) == '0' && this.rmempty !== false && this.default != '1' ? uci.unset(this.section.map.config, id, this.option) : super.save(id); }
	}
	class DynamicList extends Option {
		widget(id, domId) {
			const rows = E('div', {}, []);
			const add = value => {
				const input = E('input', { type: 'text', 'class': 'cbi-input-text', placeholder: this.placeholder }, []);
				input.value = value;
				rows.appendChild(input);
			};
			const given = this.cfgvalue(id);
			[].concat(given ?? []).forEach(add);
			add('');
			rows.firstChild.id = domId;
			rows.addEventListener('change', () => { if (rows.lastChild.value !== '') add(''); });
			return { node: rows, read: () => Array.from(rows.querySelectorAll('input')).map(input => input.value.trim()).filter(value => value !== '') };
		}
	}
	class MultiValue extends Option {
		widget(id, domId) {
			const given = [].concat(this.cfgvalue(id) ?? []);
			const boxes = this.keylist.map(([ key, label ]) => {
				const box = E('input', { type: 'checkbox', value: key }, []);
				box.checked = given.includes(key);
				return E('label', { 'class': 'cbi-multi' }, [ box, ' ', label ]);
			});
			return { node: E('div', { id: domId }, boxes), read: () => boxes.map(each => each.firstChild).filter(box => box.checked).map(box => box.value) };
		}
	}
	class Section {
		constructor(map, type, title, help) { Object.assign(this, { map, type, title, description: help, options: [], tabs: [] }); }
		tab(name, title) { this.tabs.push([ name, title ]); }
		option(Kind, name, title, help) { const made = new Kind(this, name, title, help); this.options.push(made); return made; }
		taboption(tab, Kind, ...more) { const made = this.option(Kind, ...more); made.tab = tab; return made; }
		ids() { return uci.sections(this.map.config, this.type).map(each => each['.name']); }
		formvalue(id, name) { const option = this.options.find(each => each.option == name); return option ? option.formvalue(id) : undefined; }
		check(id) { return this.options.map(option => option.check(id)).every(fine => fine); }
		renderFields(id) {
			const fields = this.options.map(option => [ option.tab, option.render(id) ]);
			if (this.tabs.length == 0) return fields.map(([ , field ]) => field);
			const panes = this.tabs.map(([ name ]) => E('div', { 'data-pane': name }, fields.filter(([ tab ]) => tab == name).map(([ , field ]) => field)));
			const heads = this.tabs.map(([ name, title ], at) => E('li', { 'class': 'cbi-tab', 'data-tab': name }, [ E('a', { href: '#', click: event => { event.preventDefault(); choose(at); } }, [ title ]) ]));
			const choose = chosen => panes.forEach((pane, at) => { pane.hidden = at != chosen; heads[at].className = at == chosen ? 'cbi-tab' : 'cbi-tab-disabled'; });
			choose(0);
			return [ E('ul', { 'class': 'cbi-tabmenu' }, heads), ...panes ];
		}
		render() {
			const box = E('div', { 'class': 'cbi-section', id: 'cbi-%s-%s'.format(this.map.config, this.type) }, [
				this.title ? E('h3', {}, [ this.title ]) : null, this.description ? E('div', { 'class': 'cbi-section-descr' }, [ this.description ]) : null ]);
			for (const id of this.ids()) {
				box.appendChild(E('div', { 'class': 'cbi-section-node', 'data-section-id': id }, [
					this.addremove ? E('div', { 'class': 'cbi-section-remove right' }, [ E('button', { 'class': 'btn cbi-button', click: () => this.map.change(() => uci.remove(this.map.config, id)) }, [ _('Delete') ]) ]) : null,
					this.addremove && !this.anonymous ? E('h4', {}, [ id ]) : null, ...this.renderFields(id) ]));
				this.check(id);
			}
			if (this.addremove) {
				const name = this.anonymous ? null : E('input', { type: 'text', 'class': 'cbi-section-create-name', 'aria-label': _('Name') }, []);
				box.appendChild(E('div', { 'class': 'cbi-section-create' }, [ name, E('button', { 'class': 'btn cbi-button cbi-button-add', click: () => {
					if (name && !/^\w+$/.test(name.value)) return;
					this.map.change(() => uci.add(this.map.config, this.type, name ? name.value : null));
				} }, [ _('Add') ]) ]));
			}
			return box;
		}
	}
	class NamedSection extends Section {
		constructor(map, id, ...more) { super(map, ...more); this.id = id; }
		ids() { return [ this.id ]; }
	}
	const maps = [];
	const form = {
		Value: Option, TextValue, ListValue, Flag, DynamicList, MultiValue, TypedSection: Section, NamedSection,
		Map: class {
			constructor(config, title, help) { Object.assign(this, { config, title, description: help, parts: [], node: E('div', { 'class': 'cbi-map' }, []) }); maps.push(this); }
			section(Kind, ...more) { const made = new Kind(this, ...more); this.parts.push(made); return made; }
			render() {
				return uci.load(this.config).then(() => {
					dom.content(this.node, [ E('h2', { name: 'content' }, [ this.title ]), E('div', { 'class': 'cbi-map-descr' }, [ this.description || '' ]), ...this.parts.map(part => part.render()) ]);
					return this.node;
				});
			}
			async change(work) { await this.save(true); await work(); await uci.save(); await this.render(); }
			async save(silent) {
				const fields = this.parts.flatMap(part => part.ids().map(id => [ part, id ])).filter(([ , id ]) => uci.values[id]);
				const isFine = fields.map(([ part, id ]) => part.check(id)).every(fine => fine);
				if (!isFine && !silent) throw new Error('invalid');
				await Promise.all(fields.flatMap(([ part, id ]) => part.options.map(option => option.save(id))));
				await uci.save();
			}
		}
	};

	const view = baseclass.extend({
		load() {}, render() {},
		__init__() {
			const place = document.getElementById('view');
			Promise.resolve(this.load()).then(loaded => this.render(loaded)).then(nodes => {
				dom.content(place, [ nodes ]);
				if (this.handleSaveApply !== null) {
					const save = apply => event => {
						event.target.disabled = true;
						return Promise.all(maps.map(map => map.save())).then(() => apply ? post('/cgi-bin/luci/admin/uci/apply_rollback', { sid: L.env.sessionid }) : null)
							.then(() => Promise.all(maps.map(map => map.render())))
							.then(() => { ui.addNotification(null, [ apply ? _('Configuration changes applied.') : _('Saved.') ], 'info'); },
								() => { ui.addNotification(null, [ _('One or more invalid values.') ], 'warning'); })
							.finally(() => { event.target.disabled = false; });
					};
					place.appendChild(E('div', { 'class': 'cbi-page-actions' }, [
						E('button', { 'class': 'btn cbi-button cbi-button-apply important', click: save(true) }, [ _('Save & Apply') ]), ' ',
						E('button', { 'class': 'btn cbi-button cbi-button-save', click: save(false) }, [ _('Save') ]) ]));
				}
			});
		}
	});

	const classes = { baseclass, dom, poll, rpc, ui, uci, form, view };
	const loading = {};
	const load = name => loading[name] ??= classes[name] ? Promise.resolve(classes[name]) : (async () => {
		const response = await window.fetch('%s/%s.js'.format(L.env.resource, name.replace(/\./g, '/')));
		if (!response.ok) throw new Error('no class ' + name);
		const source = await response.text();
		const wanted = [];
		for (const line of source.split('\n')) {
			const match = /^'require (\S+?)(?: as (\w+))?';$/.exec(line);
			if (match) wanted.push([ match[1], match[2] || match[1].replace(/\W/g, '_') ]);
			else if (line !== "'use strict';") break;
		}
		const given = await Promise.all(wanted.map(([ each ]) => load(each)));
		const Made = new Function('window', 'document', 'L', ...wanted.map(([ , as ]) => as), source)(window, document, L, ...given);
		return new Made();
	})();

	window.LuCI = function(env) {
		return {
			env, require: load,
			resource: (...parts) => [ env.resource, ...parts ].join('/'), url: (...parts) => [ env.scriptname, ...parts ].join('/'),
			hasViewPermission: () => !env.nodespec.readonly,
			resolveDefault: (value, fallback) => Promise.resolve(value).then(result => result ?? fallback, () => fallback)
		};
	};
})();
