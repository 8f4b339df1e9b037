// After a refusal the form stays open: its line says how it is now.
if (window.rcmail) {
  rcmail.addEventListener('plugin.sendlimit_line', function (line) {
    var box = document.getElementById('sendlimit-line');
    if (box) {
      // Elastic has added Bootstrap's class, whose icon it shows.
      var alert = {information: 'info', warning: 'warning', error: 'danger'};
      $(box)
        .removeClass('boxinformation boxwarning boxerror alert-info alert-warning alert-danger')
        .addClass('box' + line.level + ' alert-' + alert[line.level]);
      $(box).find('span').last().text(line.text);
    }
  });
}
