using { bookshop } from '../db/schema';

service CatalogService @(path: '/catalog') {
  entity Books as projection on bookshop.Books;
}
