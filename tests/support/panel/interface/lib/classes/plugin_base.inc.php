<?php
#[AllowDynamicProperties]
class plugin_base {
	var $plugin_name;
	var $options;
	var $form;
	function onShow() {}
}
