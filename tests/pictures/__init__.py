"""Behind script/pictures: the pictures of the documents, taken of real servers."""
