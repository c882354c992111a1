<?php declare(strict_types = 0);
// The fields' names in English and Japanese. Zabbix translates only what is in its own catalogue.

namespace Modules\RaaPlayer\Includes;

use CWebUser;

class Texts {

	private const TEXTS = [
		'en' => [
			'server' => 'Server (URL or path)',
			'mix' => 'Mix',
			'autostart' => 'Start by itself',
			'show' => 'Show computers',
			'show_nothing' => 'None',
			'show_sounding' => 'Sounding',
			'show_all' => 'All',
			'volume' => 'Show volume',
			'link' => 'Show link to mixer'
		],
		'ja' => [
			'server' => 'サーバー (URL またはパス)',
			'mix' => 'ミックス',
			'autostart' => '自動的に再生',
			'show' => '表示するコンピューター',
			'show_nothing' => 'なし',
			'show_sounding' => '音声あり',
			'show_all' => 'すべて',
			'volume' => '音量を表示',
			'link' => 'ミキサーへのリンクを表示'
		]
	];

	/** Returns a text in the user's language, else in English. */
	public static function get(string $key): string {
		$texts = self::TEXTS[CWebUser::getLang()] ?? self::TEXTS['en'];

		return $texts[$key];
	}
}
