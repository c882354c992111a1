<?php declare(strict_types = 0);
// The widget's fields in the dialogue of a dashboard: plain fields without JavaScript.

/**
 * @var CView $this
 * @var array $data
 */

(new CWidgetFormView($data))
	->addField(new CWidgetFieldTextBoxView($data['fields']['server']))
	->addField(new CWidgetFieldTextBoxView($data['fields']['mix']))
	->addField(new CWidgetFieldCheckBoxView($data['fields']['autostart']))
	->addField(new CWidgetFieldRadioButtonListView($data['fields']['show']))
	->addField(new CWidgetFieldCheckBoxView($data['fields']['volume']))
	->addField(new CWidgetFieldCheckBoxView($data['fields']['link']))
	->show();
