document.title = "from the page";
