<?php

// The list of mailboxes with what they have sent; core adds whose mailboxes a user may see.

$liste['name'] = 'sendlimit';
$liste['table'] = 'mail_user';
$liste['table_idx'] = 'mailuser_id';
$liste['search_prefix'] = 'search_';
$liste['records_per_page'] = '15';
$liste['file'] = 'sendlimit_list.php';
$liste['edit_file'] = 'mail_user_edit.php';
$liste['delete_file'] = '';
$liste['paging_tpl'] = 'templates/paging.tpl.htm';
$liste['auth'] = 'yes';
$liste['item'][] = array('field' => 'email', 'datatype' => 'VARCHAR', 'formtype' => 'TEXT', 'op' => 'like',
	'prefix' => '%', 'suffix' => '%', 'width' => '', 'value' => '');
