<?php declare(strict_types = 0);
// The widget's fields. Always: the default of each field is what most rooms want.

namespace Modules\RaaPlayer\Includes;

use Zabbix\Widgets\{
	CWidgetField,
	CWidgetForm
};

use Zabbix\Widgets\Fields\{
	CWidgetFieldCheckBox,
	CWidgetFieldRadioButtonList,
	CWidgetFieldTextBox
};

class WidgetForm extends CWidgetForm {

	private const SHOW_NOTHING = 0;
	private const SHOW_SOUNDING = 1;
	private const SHOW_ALL = 2;

	public function addFields(): self {
		return $this
			->addField(
				(new CWidgetFieldTextBox('server', Texts::get('server')))
					->setDefault('/raa')
					->setFlags(CWidgetField::FLAG_NOT_EMPTY | CWidgetField::FLAG_LABEL_ASTERISK)
			)
			->addField(
				(new CWidgetFieldTextBox('mix', Texts::get('mix')))
					->setDefault('main')
					->setFlags(CWidgetField::FLAG_NOT_EMPTY | CWidgetField::FLAG_LABEL_ASTERISK)
			)
			->addField(
				(new CWidgetFieldCheckBox('autostart', Texts::get('autostart')))->setDefault(1)
			)
			->addField(
				(new CWidgetFieldRadioButtonList('show', Texts::get('show'), [
					self::SHOW_NOTHING => Texts::get('show_nothing'),
					self::SHOW_SOUNDING => Texts::get('show_sounding'),
					self::SHOW_ALL => Texts::get('show_all')
				]))->setDefault(self::SHOW_SOUNDING)
			)
			->addField(
				(new CWidgetFieldCheckBox('volume', Texts::get('volume')))->setDefault(1)
			)
			->addField(
				(new CWidgetFieldCheckBox('link', Texts::get('link')))->setDefault(1)
			);
	}
}
