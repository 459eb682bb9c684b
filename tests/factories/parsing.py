import factory
from factory.django import DjangoModelFactory

from apps.parsing.models import ExternalCategory, Product


class ExternalCategoryFactory(DjangoModelFactory):
    class Meta:
        model = ExternalCategory
        django_get_or_create = ("name",)

    name = "Mugs"


class ProductFactory(DjangoModelFactory):
    class Meta:
        model = Product

    title = factory.Sequence(lambda n: f"Stoneware mug {n}")
    description = "Holds 300 ml of coffee."
    site_key = "shop"
    merchant = "Shop"
    product_url = factory.Sequence(lambda n: f"https://shop.example/p/{n}")
    gift_id = factory.LazyAttribute(lambda p: f"{p.site_key}:{p.product_url}")
    price = "12.50"
    currency = "EUR"
    category = factory.SubFactory(ExternalCategoryFactory)
