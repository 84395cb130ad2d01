namespace bookshop;

entity Books {
  key ID    : Integer;
      title : String(100);
      stock : Integer;
}
