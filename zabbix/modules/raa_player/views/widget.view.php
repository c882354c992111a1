<?php declare(strict_types = 0);
// Gives the widget's settings to class.widget.js, which builds everything that is shown.

/**
 * @var CView $this
 * @var array $data
 */

(new CWidgetView($data))
	->setVar('settings', $data['settings'])
	->show();
