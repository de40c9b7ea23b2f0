package config

// DemoPassword is the password of every demo user.
const DemoPassword = "demo"

// demoHash is that of DemoPassword. Everybody knows the password, so nothing is lost by everybody knowing its salt.
const demoHash = "$argon2id$v=19$m=19456,t=2,p=1$70NqiVjIlL3vmxJ4DbNtbQ$O4mf1pVkJ8xDSt5D6PYpdY6KMMeq2PtUTvy4eWFaHU0"

// DemoDefault returns the configuration that demo mode starts from: Default, and somebody to try it with. A file may replace each of the lists.
func DemoDefault() Config {
	c := Default()
	c.Demo = true
	c.Routing.LeastLoadedFirst = true
	both := []string{"support", "billing"}
	c.Users = []User{
		{
			Name: "dana", FirstName: "Dana", LastName: "Reyes", Email: "dana@example.com", EmployeeID: "1007",
			Queues: both, Skills: map[string]int{"parcels": 8, "returns": 5},
		},
		{
			Name: "omar", FirstName: "Omar", LastName: "Haddad", Email: "omar@example.com", EmployeeID: "1008",
			Queues: both, Skills: map[string]int{"returns": 7},
		},
		{
			Name: "lena", FirstName: "Lena", LastName: "Fischer", Email: "lena@example.com", EmployeeID: "1009",
			Queues: both, Skills: map[string]int{"parcels": 6},
		},
		{Name: "ines", FirstName: "Ines", LastName: "Moreau", Email: "ines@example.com", EmployeeID: "1001", Roles: []string{"supervisor"}},
		{Name: "admin", FirstName: "Alex", LastName: "Admin", Email: "admin@example.com", EmployeeID: "1000", Roles: []string{"administrator"}},
	}
	c.Queues = []Queue{
		{Name: "support", Description: "Questions about parcels and returns", Suggest: []string{"billing"}},
		{Name: "billing", Description: "Questions about invoices"},
	}
	c.Skills = []Skill{{Name: "parcels"}, {Name: "returns"}}
	c.Groups = []Group{
		{Name: "Delivery", Type: "BusinessUnit", Users: []string{"dana", "omar", "lena", "ines"}},
		{Name: "Returns", Users: []string{"dana", "omar"}},
	}
	c.Services = []Service{{Name: "support", Endpoint: "support"}, {Name: "billing", Endpoint: "billing"}}
	c.AgentStates = []AgentState{{Operation: "Lunch"}, {Operation: "Training"}}
	c.Dispositions = []Disposition{{Name: "solved", DisplayName: "Solved"}, {Name: "refunded", DisplayName: "Refunded"}, {Name: "follow-up", DisplayName: "Needs a follow-up"}}
	c.StandardResponses = []ResponseGroup{
		{Name: "Greetings", Description: "To begin and to end with", Language: "English", Modified: "2024-03-11", Templates: []ResponseTemplate{
			{Name: "Welcome", Subject: "Welcome", Body: "Hello <$ Customer.FirstName $>, this is <$ Agent.FirstName $>. What can I do for you?"},
			{Name: "Good bye", Subject: "Good bye", Body: "Thank you for your patience, <$ Customer.FirstName $>. Have a good day!"},
		}},
		{Name: "Parcels", Description: "About deliveries", Language: "English", Modified: "2024-03-11", Templates: []ResponseTemplate{
			{Name: "On its way", Subject: "Your parcel", Body: "Your parcel has left our warehouse and is with you within two days."},
			{Name: "Christmas", Subject: "Late parcels", Body: "Before Christmas, parcels take up to five days.", Start: "2023-12-01", Expiration: "2023-12-27"},
			{Name: "Lost", Subject: "Lost parcel", Body: "I am sorry that your parcel is lost. We send another one today.", Approved: new(bool)},
		}},
	}
	return c
}
