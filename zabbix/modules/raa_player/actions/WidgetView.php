<?php declare(strict_types = 0);
// Answers a refresh of the widget with its settings. All that it shows comes from the RAA server itself.

namespace Modules\RaaPlayer\Actions;

use CControllerDashboardWidgetView,
	CControllerResponseData;

class WidgetView extends CControllerDashboardWidgetView {

	protected function doAction(): void {
		$this->setResponse(new CControllerResponseData([
			'name' => $this->getInput('name', $this->widget->getDefaultName()),
			'settings' => [
				'server' => $this->fields_values['server'],
				'mix' => $this->fields_values['mix'],
				'autostart' => $this->fields_values['autostart'] == 1,
				'show' => (int) $this->fields_values['show'],
				'volume' => $this->fields_values['volume'] == 1,
				'link' => $this->fields_values['link'] == 1
			],
			'user' => [
				'debug_mode' => $this->getDebugMode()
			]
		]));
	}
}
