<?php
class listform_actions {
	public $SQLOrderBy = '';
	function onLoad() {
		global $app;
		$app->uses('tpl');
		$app->tpl->setInclude('content_tpl', 'templates/sendlimit_list.htm');
		$rows = array();
		foreach($app->db->seen() as $row) $rows[] = $this->prepareDataRow($row);
		if($rows) $app->tpl->setLoop('records', $rows);
		$this->onShow();
	}
	function prepareDataRow($row) { return $row; }
	function onShow() {
		global $app;
		$app->tpl->pparse();
	}
}
