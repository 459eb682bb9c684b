from rest_framework import serializers


class AnalyticsRangeSerializer(serializers.Serializer):
    date_from = serializers.DateField(required=False, help_text="A day of the account's time zone.")
    date_to = serializers.DateField(required=False, help_text="A day of the account's time zone, included.")


class SumsSerializer(serializers.Serializer):
    credits = serializers.IntegerField()
    count = serializers.IntegerField()
    cost = serializers.DecimalField(
        max_digits=20, decimal_places=6, help_text="The providers', in `currency`."
    )


class DaySumsSerializer(SumsSerializer):
    date = serializers.DateField()


class OperationPartSerializer(SumsSerializer):
    operation = serializers.CharField()


class ModelPartSerializer(SumsSerializer):
    model = serializers.CharField(help_text="Empty: no model was asked.")


class NamedPartSerializer(SumsSerializer):
    id = serializers.IntegerField(allow_null=True, help_text="null: of none, or of one that was deleted.")
    name = serializers.CharField(allow_null=True)


class AnalyticsSerializer(serializers.Serializer):
    timezone = serializers.CharField()
    date_from = serializers.DateField()
    date_to = serializers.DateField()
    currency = serializers.CharField()
    total = SumsSerializer()
    days = DaySumsSerializer(many=True)
    operations = OperationPartSerializer(many=True)
    models = ModelPartSerializer(many=True)
    sites = NamedPartSerializer(many=True)
    users = NamedPartSerializer(many=True)
