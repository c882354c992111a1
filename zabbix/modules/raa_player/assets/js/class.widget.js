// The widget as Zabbix knows it. Zabbix loads this file on every dashboard, in the global scope and also for visitors who
// are not signed in, so it has one class, no secrets, and loads the player only when a widget needs it.
//
// Always: a refresh changes settings and never replaces what is shown, because the player must go on.

class CWidgetRaaPlayer extends CWidget {

	static #folder = new URL('./', document.currentScript.src);

	// All files of the player. A browser may keep old ones for weeks after an upgrade unless it is made to ask.
	static FILES = ['player/player.js', 'player/server/address.js', 'player/server/api.js', 'player/server/feed.js',
		'player/server/names.js', 'player/server/probe.js', 'player/server/sounding.js', 'player/sound/playout.js',
		'player/sound/rtp.js', 'player/sound/sound.js', 'player/vendor/opus-decoder/opus-decoder.min.js', 'raa/list.js',
		'raa/policy.js', 'raa/session.js', 'raa/view.js', 'raa/words.js'];

	static #module = null;

	#view = null;
	#settings = null;
	#is_over = false;

	static #load() {
		const ask = (file) => fetch(new URL(file, this.#folder), {cache: 'no-cache'}).catch(() => {});

		this.#module ??= Promise.all(this.FILES.map(ask))
			.then(() => import(new URL('raa/view.js', this.#folder).href))
			.catch((error) => {
				this.#module = null;
				throw error;
			});

		return this.#module;
	}

	setContents({settings}) {
		this.#settings = settings;

		if (this.#view !== null) {
			this.#view.update(settings);

			return;
		}

		CWidgetRaaPlayer.#load().then(({View}) => this.#open(View), (error) => {
			// The texts are among the files that are missing.
			this._body.textContent = `RAA: ${error.message}`;
		});
	}

	#open(View) {
		if (this.#is_over || this.#view !== null) {
			return;
		}

		this._body.textContent = '';
		this.#view = new View(this._body);
		this.#view.update(this.#settings);
	}

	onDestroy() {
		this.#is_over = true;
		this.#view?.close();
	}
}
