if (location.hash.startsWith("#error=")) {
  document.title = document.querySelector("h1").textContent = "You have not been signed in";
}
